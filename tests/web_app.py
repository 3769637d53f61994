"""A web team's project, in which the npm package is installed as it would come from a registry."""

import json
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.node import PACKAGE, Node
from tests.processes import Running, running

SOURCES = Path(__file__).parent / "typescript"
COMPILERS = ["typescript", "typescript-5.7"]  # the newest, and the oldest that @trpc/server takes
_BUILT = shutil.ignore_patterns("node_modules", "esm", "*.tgz")
_OPTIONS = {
    "strict": True,
    "target": "es2022",
    "module": "nodenext",
    "lib": ["esnext", "dom", "dom.iterable"],
    "types": [],
    "noUnusedLocals": True,
    "noUncheckedIndexedAccess": True,
    "exactOptionalPropertyTypes": True,
}


@dataclass(frozen=True)
class WebApp:
    """A folder with the package and its peers in node_modules."""

    node: Node
    folder: Path
    tarball: Path

    def compile(self, *names: str, compiler: str = "typescript", **options: object) -> str:
        """Compile sources of `tests/typescript` here; what the compiler says, which is nothing when all is well."""
        for name in names:
            shutil.copy2(SOURCES / name, self.folder / name)
        return self.compile_here(*names, compiler=compiler, **options)

    def compile_here(self, *names: str, compiler: str = "typescript", **options: object) -> str:
        """Compile sources of this folder."""
        project = self.folder / f"tsconfig.{'.'.join(names)}.json"
        project.write_text(json.dumps({"compilerOptions": {**_OPTIONS, **options}, "files": names}))
        program = PACKAGE / "node_modules" / compiler / "bin" / "tsc"
        compiled = self.node.run("node", program, "-p", project, cwd=self.folder)
        return compiled.stdout + compiled.stderr

    def run(self, *arguments: str, **variables: str):
        """Run a script of this folder to its end; what it printed."""
        return self.node.run("node", *arguments, cwd=self.folder, **variables)

    def answer(self, program: str, **order: object):
        """What a compiled program says, in JSON, to an order on its command line."""
        ran = self.run(program, json.dumps(order))
        assert ran.stderr == ""
        return json.loads(ran.stdout)

    def start(self, program: str, **order: object) -> AbstractContextManager[Running]:
        """Start a compiled program that goes on until it is told to stop."""
        return running([*self.node.node, self.folder / program, json.dumps(order)], self.folder)


def tarball_of(node: Node, folder: Path) -> Path:
    """The package as `npm pack` makes it, built from a copy of its sources, unless the folder has it."""
    if not folder.exists():
        building = folder.with_suffix(".building")
        shutil.rmtree(building, ignore_errors=True)
        shutil.copytree(PACKAGE, building, ignore=_BUILT)
        for built in (*building.glob("cjs/*.js"), *building.glob("cjs/*.d.ts")):
            built.unlink()
        (building / "node_modules").symlink_to(PACKAGE / "node_modules")
        ran = node.run("npm", "pack", "--silent", cwd=building)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        building.rename(folder)
    (tarball,) = folder.glob("*.tgz")
    return tarball


def make_web_app(node: Node, tarball: Path, folder: Path) -> WebApp:
    """Install the package beside its peers."""
    app = WebApp(node, folder / "app", tarball)
    _install(app)
    return app


def _install(app: WebApp) -> None:
    modules = app.folder / "node_modules"
    modules.mkdir(parents=True)
    (app.folder / "package.json").write_text(json.dumps({"name": "web-app", "private": True, "type": "module"}))
    shutil.unpack_archive(app.tarball, modules)
    (modules / "package").rename(modules / "mediarpc")
    for name in ("@trpc", "@types", "@uppy", "eventsource", "jsdom", "playwright-core"):
        (modules / name).symlink_to(PACKAGE / "node_modules" / name)
