"""The house: which packages there are, what importing them costs, and the tree of errors."""

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from schemas import errors

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "model", "streams", "agents", "operations", "console", "tagstream")


def run(program: str, cwd: Path) -> str:
    """What the program prints, run where nothing of ours lies."""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_each_package_is_ours_wherever_the_program_runs(tmp_path: Path) -> None:
    found = run("".join(f"import {name}; print({name}.__file__);" for name in PACKAGES), tmp_path)
    assert [Path(line) for line in found.split()] == [ROOT / name / "__init__.py" for name in PACKAGES]


HEAVY = ("torch", "torchvision")
OURS = ("model", "streams", "agents", "operations", "console", "tagstream")
SERVERS = ("faust", "aiokafka", "aioboto3", "motor")
FREE_OF = {
    "schemas.wire, schemas.events, schemas.records": (*HEAVY, *SERVERS, *OURS, "structlog"),
    "streams.inflight, streams.message, streams.ports": (*HEAVY, *SERVERS, "model", "agents"),
    "model.decoding.process": (*HEAVY, *SERVERS, "streams", "agents", "pydantic", "asyncio", "structlog"),
    "model.policy, model.serving.batcher": (*HEAVY, *SERVERS, "streams", "agents"),
    "model.serving.classifier, agents.tagger, agents.wiring.tagging": HEAVY,
    "agents.pipeline": (*HEAVY, *SERVERS, "model"),
    "agents.wiring.worker": HEAVY,
    "agents.testing": (*HEAVY, *SERVERS),
    "tagstream.commands.config": (*HEAVY, *SERVERS, "pydantic", "model", "streams", "agents", "operations"),
}


@pytest.mark.parametrize("modules", FREE_OF)
def test_importing_modules_imports_no_more_than_they_need(modules: str, tmp_path: Path) -> None:
    loaded = set(run(f"import sys, {modules}; print(*sys.modules)", tmp_path).split())
    assert not loaded & set(FREE_OF[modules])


def test_what_the_command_line_imports_of_the_model_brings_no_torch(tmp_path: Path) -> None:
    modules = ("model", "model.preprocess", "model.policy", "model.manifest", "model.checkpoint")
    brought = "; ".join(
        f"import {module}; print({module!r} * ('torch' in sys.modules))" for module in modules
    )
    assert run(f"import sys; {brought}", tmp_path).split() == []


def test_a_processor_scores_without_torch(tmp_path: Path) -> None:
    program = (
        "import sys; from model.checkpoint import PACKAGED; from model.serving.classifier import Classifier; "
        "Classifier.load(PACKAGED, device='cpu').check_golden(); print('torch' in sys.modules)"
    )
    assert run(program, tmp_path).split() == ["False"]


def test_serving_and_describing_need_no_timm(tmp_path: Path) -> None:
    program = (
        "import sys; from model.networks import backbones; from model.serving import classifier; "
        "backbones.describe('resnet18');"
        "print('timm' in sys.modules, 'torchvision' in sys.modules)"
    )
    assert run(program, tmp_path).split() == ["False", "True"]


def test_importing_the_samples_loads_no_imaging_and_no_model(tmp_path: Path) -> None:
    loaded = run("import sys, tagstream.samples; print(*sys.modules)", tmp_path).split()
    assert {"torch", "PIL", "numpy"}.isdisjoint(loaded)


WATCHED_IO = """
import sys
sys.dont_write_bytecode = True
IO = ("socket.connect", "socket.bind", "sqlite3.connect", "os.mkdir", "os.remove", "os.rename")
def watch(event, details):
    if event == "socket.bind" and details[1] == ("::1", 0):
        return  # urllib3 finds out so whether there is IPv6
    if event in IO or (event == "open" and set(str(details[1])) & set("wax+")):
        print(event, *map(str, details[:2]))
sys.addaudithook(watch)
"""
WORKERS = "import agents.wiring.components, model.runtimes.openvino_runtime"
EXPORTERS = "import model.runtimes.openvino_export"
OTHERS = "import schemas.wire, streams.app, streams.adapters.memory, agents.pipeline, agents.wiring.worker"


@pytest.mark.parametrize("imports", [OTHERS, WORKERS, EXPORTERS])
def test_importing_opens_no_connection_and_writes_no_file(imports: str, tmp_path: Path) -> None:
    assert run(WATCHED_IO + imports, tmp_path) == ""


def test_a_library_tells_its_makers_nothing_of_a_model_that_is_loaded(tmp_path: Path) -> None:
    program = (
        "from model.checkpoint import PACKAGED; from model.serving.classifier import Classifier; "
        "Classifier.load(PACKAGED, device='cpu').check_golden(); import sys; "
        "print([name for name in sys.modules if 'openvino_telemetry' in name and sys.modules[name]])"
    )
    assert run(program, tmp_path).split() == ["[]"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_what_it_is_for(package: str) -> None:
    assert importlib.import_module(package).__doc__


def drawn() -> list[tuple[int, str]]:
    """Depth and name of each error in the drawing of the module's docstring."""
    lines = (errors.__doc__ or "").splitlines()
    first = lines.index("TagstreamError")
    tree = lines[first : lines.index("", first)]
    names = [line.lstrip("│├└─ ").split()[0] for line in tree]
    return [(line.index(name) // 4, name) for line, name in zip(tree, names, strict=True)]


def built(error: type[BaseException], depth: int = 0) -> list[tuple[int, str]]:
    """Depth and name of each class below `error`, in the order of the file."""
    below = [sub for sub in error.__subclasses__() if sub.__module__ == errors.__name__]
    rows = [row for sub in below for row in built(sub, depth + 1)]
    return [(depth, error.__name__), *rows]


def test_the_tree_of_errors_is_the_one_that_is_drawn() -> None:
    assert drawn() == built(errors.TagstreamError)


REJECTIONS = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, errors.Rejected) and "code" in vars(error)
]


def test_every_rejection_has_a_code_of_its_own() -> None:
    assert len({rejection.code for rejection in REJECTIONS}) == len(REJECTIONS)
