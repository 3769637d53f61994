"""The npm package's types, written from the table of procedures and the models that it names."""

from rpc.typescript.package import package_files
from rpc.typescript.schema import UnknownShape

__all__ = ["UnknownShape", "package_files"]
