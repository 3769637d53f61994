"""Uploads in parts that a store still has open, found by the key of every row that there ever was.

MinIO answers a listing by prefix with an empty list, so the keys have to be known; rows that went took theirs along.
"""

import psycopg

from storage.s3 import ObjectStore

# Part of the template of all databases of tests.
REMEMBER_KEYS = """
create table keys_there_were (key text primary key);
create function remember_key() returns trigger language plpgsql as $$
begin
    insert into keys_there_were values (new.staging_key) on conflict do nothing;
    return null;
end
$$;
create trigger remember_key after insert on media for each row execute function remember_key();
"""


async def open_uploads(database_url: str, store: ObjectStore) -> list[str]:
    """The keys for which the store has an upload open."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        keys = [key for (key,) in connection.execute("select key from keys_there_were order by key")]
    return [key for key in keys if await store.multipart._calls(store.multipart._open, key)]
