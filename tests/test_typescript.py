"""The types of the npm package, as `mediarpc typescript` writes them."""

from collections.abc import AsyncIterator
from decimal import Decimal
from enum import IntEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, create_model

from contracts.errors import UploadPending
from contracts.events import MediaEvent, WatchMedia
from contracts.wire import NoInput, Wire
from procedures import PROCEDURES
from rpc.context import Context
from rpc.procedure import mutation, query, subscription
from rpc.typescript import UnknownShape, package_files
from tests.node import PACKAGE
from tests.processes import mediarpc
from tests.sample_content import keep, refuse

NAMES = ["index.cjs", "index.d.cts", "index.d.ts", "index.js"]


class Cat(Wire):
    kind: Literal["cat"]


class Dog(Wire):
    kind: Literal["dog"]


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


class Order(Wire):
    """Input with `two_words` in a sentence: */."""

    size: Size = Size.SMALL
    names: list[str | None] | None = None
    two_words: dict[str, list[int]] = Field(description="By name.")


class Receipt(Wire):
    """What was ordered."""

    order: Order
    note: str | None = None


@mutation("shop.till.placeOrder", raises=(UploadPending,))
async def place_order(ctx: Context, params: Order) -> Receipt:
    """Order."""
    raise NotImplementedError


@subscription("media.watch")
async def watch(ctx: Context, params: WatchMedia) -> AsyncIterator[MediaEvent]:
    """Tell what happens."""
    events: list[MediaEvent] = []
    for event in events:
        yield event


def answering(output: type[Wire]):
    """A table with one procedure, which answers this."""

    async def run(ctx: Context, params: NoInput):
        raise NotImplementedError

    run.__annotations__["return"] = output
    return [query("test.shape")(run)]


def test_the_committed_files_are_what_the_models_say():
    """After a change of contracts or procedures, `mediarpc typescript` has to be run."""
    written = package_files(PROCEDURES)

    assert sorted(written) == NAMES
    for name, text in written.items():
        assert (PACKAGE / name).read_text(encoding="utf-8") == text, name


def test_the_command_writes_them_and_checks_them(tmp_path):
    """`--check` says nothing when all is well; else it names what differs, and leaves it."""
    folder = tmp_path / "types"
    absent = mediarpc("typescript", "--check", str(folder))
    assert (absent.returncode, absent.stdout) == (1, "")
    assert not folder.exists()

    assert mediarpc("typescript", str(folder)).returncode == 0
    assert sorted(file.name for file in folder.iterdir()) == NAMES
    checked = mediarpc("typescript", "--check", str(folder))
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")

    (folder / "index.js").write_text("changed")
    (folder / "index.cjs").unlink()
    differing = mediarpc("typescript", "--check", str(folder))
    assert differing.returncode == 1
    assert differing.stderr == (f"mediarpc: not what the models say: {folder / 'index.js'}, {folder / 'index.cjs'}\n")
    assert (folder / "index.js").read_text() == "changed"


def test_each_kind_of_member_has_its_type():
    """Optional and nullable are two things; inputs and outputs of one model may differ."""
    declared = package_files([place_order])["index.d.ts"]

    assert (
        """
/** Input with `twoWords` in a sentence: * /. */
export interface OrderOutput {
  size: Size;
  names: (string | null)[] | null;
  /** By name. */
  twoWords: Record<string, number[]>;
}
"""
        in declared
    )
    assert (
        """
/** What was ordered. */
export interface Receipt {
  order: OrderOutput;
  note: string | null;
}

export type Size = 1 | 2;

export declare namespace ShopTillProcedures {
  /**
   * Order.
   *
   * @throws CONFLICT (UploadPending): The media has no verified bytes yet, so there is nothing to download.
   */
  interface PlaceOrder {
    input: PlaceOrder.Input;
    output: PlaceOrder.Output;
  }
  namespace PlaceOrder {
    interface Input {
      /** @default 1 */
      size?: Size;
      names?: (string | null)[] | null;
      /** By name. */
      twoWords: Record<string, number[]>;
    }
    type Output = Receipt;
  }
}
"""
        in declared
    )


def test_a_router_has_every_kind_of_procedure_at_its_place():
    """The parts of a name are nested; input that may be left out is optional."""
    declared = package_files([watch, place_order, *answering(Cat)])["index.d.ts"]

    router = declared[declared.index("export type AppRouter") :]
    lines = [line for line in router.splitlines() if not line.strip().startswith(("/*", "*"))]
    assert lines == [
        "export type AppRouter = TRPCBuiltRouter<",
        "  Root,",
        "  {",
        "    media: {",
        "      watch: Subscription<MediaProcedures.Watch.Input | undefined, MediaProcedures.Watch.Output>;",
        "    }",
        "    shop: {",
        "      till: {",
        "        placeOrder: Mutation<ShopTillProcedures.PlaceOrder.Input, ShopTillProcedures.PlaceOrder.Output>;",
        "      }",
        "    }",
        "    test: {",
        "      shape: Query<TestProcedures.Shape.Input, TestProcedures.Shape.Output>;",
        "    }",
        "  }",
        ">;",
    ]


def test_a_procedure_that_takes_bytes_takes_what_a_stock_client_can_send():
    """The members of its input are named beside, for those who fill a form."""
    declared = package_files([keep, refuse])["index.d.ts"]

    assert (
        """
  /** Tell what came. */
  interface Keep {
    input: Keep.Input;
    output: Keep.Output;
  }
  namespace Keep {
    /** The fields of the form, which stand before its file; beside other bytes, the JSON in `?input=`. */
    interface Fields {
      /** @default "untitled" */
      pageTitle?: string;
      /** @default 1 */
      pages?: number;
      ratio?: number | null;
      /** @default false */
      isDraft?: boolean;
      note?: string | null;
      tags?: string[] | null;
      coverSize?: Size | null;
    }
    type Input = FormData | Blob | Uint8Array;
    type Output = Kept;
  }
"""
        in declared
    )
    assert (
        """
  namespace Refuse {
    type Input = FormData | Blob | Uint8Array;
    type Output = Null;
  }
"""
        in declared
    )
    assert "      keep: Mutation<ContentProcedures.Keep.Input, ContentProcedures.Keep.Output>;\n" in declared
    assert "{ idleSeconds: number }" in declared


UNKNOWN_SHAPES: dict[str, tuple[Any, str]] = {
    "tuple": (tuple[int, str], '"prefixItems"'),
    "bytes": (bytes, '{"format": "binary", "type": "string"}'),
    "set": (set[str], '"uniqueItems": true'),
    "one of": (Annotated[Cat | Dog, Field(discriminator="kind")], '"oneOf"'),
    "multiple": (Annotated[int, Field(multiple_of=5)], '"multipleOf": 5'),
    "pattern": (dict[Annotated[str, Field(pattern="^a")], int], '"patternProperties"'),
    "brand": (Annotated[str, Field(json_schema_extra={"x-ts-brand": 7})], '"x-ts-brand": 7'),
    "inside": (list[tuple[int, str]], '"prefixItems"'),
    "unknown word": (Annotated[Decimal, Field(json_schema_extra={"contentEncoding": "x"})], '"contentEncoding"'),
}


def test_an_unknown_shape_fails_loudly(subtests):
    """The failure names the place and what stands there."""
    for case, (shape, said) in UNKNOWN_SHAPES.items():
        with subtests.test(case, shape=shape):
            model = create_model("Strange", __base__=Wire, some_field=(shape, ...))

            with pytest.raises(UnknownShape) as failure:
                package_files(answering(model))

            assert str(failure.value).startswith("Strange.someField")
            assert said in str(failure.value)


USED_NAMES = ["Shape", "TestProcedures", "Brand", "RPCError", "ErrorCode", "Input", "Fields", "Blob"]


def test_a_model_by_a_name_that_the_package_uses_fails_loudly(subtests):
    """TypeScript would silently put two interfaces of one name together."""
    for name in USED_NAMES:
        with subtests.test(name=name):
            model = create_model(name, __base__=Wire, value=(str, ...))

            with pytest.raises(UnknownShape, match=f"^{name}: the TypeScript package uses this name"):
                package_files(answering(model))
