"""The house keeps its own rules: imports point down, names are public on purpose, no randomness is global."""

import ast
import doctest
import inspect
import random
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from every_method import REQUESTS

import wdist

PACKAGE = Path(wdist.__file__).parent
MODULES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
MOST_LINES = 300

FLOORS = (
    "arrays costs errors matrix measures memory options question ranks reservoir result rng sources unheard writing",
    "critic datasets files folders images plans resampling tables truth",
    "methods",
    "answer bounds calibration gan inference pairwise validation workers",
    "__init__ __main__ api cli functional plots report streaming",
)
"""Names in `wdist/`, from the ground to the roof, as docs/architecture.md draws them."""

DOORS = {("result.py", "report")}
"""`Estimate.report` is a door to a room under the roof, for whoever holds an answer; it opens when it is called."""

FLOOR = {name: height for height, names in enumerate(FLOORS) for name in names.split()}
DUMPING_GROUNDS = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "core", "base", "stuff"}


def room(path):
    """Top name of a module's path in the package: "methods/line.py" -> "methods"."""
    return path.split("/")[0].removesuffix(".py")


def imported(path, text):
    """Names in the package that a module imports: [(line, name, e.g. "methods"), ...]."""
    found = []
    parents = ["wdist", *path.split("/")[:-1]]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            stem = ".".join(parents[: len(parents) + 1 - node.level]) if node.level else ""
            stem = ".".join(filter(None, [stem, node.module]))
            names = [f"{stem}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            top, *rest = name.split(".")
            if top == "wdist":
                found.append((node.lineno, rest[0] if rest and rest[0] in FLOOR else "__init__"))
    return found


def upward(path, text):
    """Imports of a module that point to a higher floor than its own."""
    here = FLOOR[room(path)]
    return [
        (line, name)
        for line, name in imported(path, text)
        if FLOOR[name] > here and (path, name) not in DOORS
    ]


class TestFloors:
    @pytest.mark.parametrize("path", MODULES)
    def test_every_module_has_a_floor_and_imports_point_down(self, path):
        assert room(path) in FLOOR, f"{path} has no floor; give it one here and in docs/architecture.md"
        wrong = [f"{path}:{line} imports {name}" for line, name in upward(path, MODULES[path].read_text())]
        assert wrong == []

    @pytest.mark.parametrize(
        ("path", "text", "found"),
        [
            ("costs.py", "from wdist.methods import Line", [(1, "methods")]),
            ("costs.py", "import wdist.methods.line", [(1, "methods")]),
            ("costs.py", "from wdist import methods", [(1, "methods")]),
            ("costs.py", "import wdist", [(1, "__init__")]),
            ("costs.py", "from wdist import estimate", [(1, "__init__")]),
            ("costs.py", "def f():\n    from wdist.plans.dense import solve", [(2, "plans")]),
            ("costs.py", "if TYPE_CHECKING:\n    from .api import estimate", [(2, "api")]),
            ("costs.py", "from wdist.errors import InputError\nimport numpy", []),
            ("plans/dense.py", "from ..methods.line import Line", [(1, "methods")]),
            ("plans/dense.py", "from .line import line_distance\nfrom ..costs import METRICS", []),
            ("methods/line.py", "from wdist.inference import Floor", [(1, "inference")]),
            ("cli/demo.py", "import wdist\nfrom wdist.methods import METHODS", []),
        ],
    )
    def test_the_check_sees_what_points_up(self, path, text, found):
        assert upward(path, text) == found

    def test_the_picture_names_every_room(self):
        drawn = (PACKAGE.parent / "docs" / "architecture.md").read_text()
        missing = {room(path) for path in MODULES} - {"__main__"}
        missing = {name for name in missing if f"{name}.py" not in drawn and f"{name}/" not in drawn}
        assert missing == set(), "docs/architecture.md draws the house without them"

    @pytest.mark.parametrize("path", MODULES)
    def test_no_room_is_a_dumping_ground(self, path):
        assert not DUMPING_GROUNDS & set(path.removesuffix(".py").split("/"))

    @pytest.mark.parametrize("path", MODULES)
    def test_no_file_does_a_second_thing(self, path):
        lines = len(MODULES[path].read_text().splitlines())
        assert lines <= MOST_LINES, f"{path} has {lines} lines; what second thing does it do?"


def ruff_order(name):
    """Constants, then classes, then the rest, each by the alphabet: the order that ruff's RUF022 wants."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def public_functions(module):
    """Functions, classes and their public methods that a module defines under public names."""
    for name in getattr(module, "__all__", ()):
        thing = getattr(module, name)
        if getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(thing):
            yield f"{module.__name__}.{name}", thing
        elif inspect.isclass(thing):
            for method, body in vars(thing).items():
                if not method.startswith("_") or method == "__init__":
                    body = getattr(body, "__func__", None) or getattr(body, "fget", None) or body
                    if inspect.isfunction(body) and body.__module__ == module.__name__:
                        yield f"{module.__name__}.{name}.{method}", body


def modules():
    names = [path.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for path in MODULES]
    skipped = ("__init__", "__main__")
    return ["wdist", *(f"wdist.{name}" for name in names if name not in skipped)]


class TestPublicNames:
    def test_they_are_sorted_and_unique(self):
        assert wdist.__all__ == sorted(set(wdist.__all__), key=ruff_order)

    @pytest.mark.parametrize("name", wdist.__all__)
    def test_each_exists_and_is_explained(self, name):
        thing = getattr(wdist, name)
        if isinstance(thing, (type, types.FunctionType, types.ModuleType)):
            own = thing.__dict__.get("__doc__") if isinstance(thing, type) else thing.__doc__
            assert own, f"wdist.{name} has no docstring"
            assert not own.startswith(f"{name}("), (
                f"wdist.{name} has only the docstring that a dataclass makes up"
            )

    def test_nothing_else_leaks(self):
        public = {name for name in vars(wdist) if not name.startswith("_")}
        modules = {name for name in public if isinstance(getattr(wdist, name), types.ModuleType)}
        assert public - modules - set(wdist.__all__) == set()
        assert {getattr(wdist, name).__name__ for name in modules} <= {f"wdist.{name}" for name in FLOOR}

    def test_every_method_is_public_under_its_class_name(self):
        for name, cls in wdist.METHODS.items():
            assert cls.name == name
            assert getattr(wdist, cls.__name__) is cls

    @pytest.mark.parametrize("name", modules())
    def test_each_modules_own_list_holds(self, name):
        module = __import__(name, fromlist=["_"])
        assert module.__doc__, f"{name} does not say how it cuts its problem"
        assert [item for item in getattr(module, "__all__", []) if not hasattr(module, item)] == []

    @pytest.mark.parametrize("name", modules())
    def test_public_functions_are_annotated_and_explained(self, name):
        for where, function in public_functions(__import__(name, fromlist=["_"])):
            signature = inspect.signature(function)
            open_ = [
                p.name
                for p in signature.parameters.values()
                if p.annotation is p.empty and p.name not in ("self", "cls")
            ]
            assert open_ == [], f"{where} does not annotate {open_}"
            assert signature.return_annotation is not signature.empty, (
                f"{where} does not annotate what it returns"
            )
            assert function.__doc__ or where.endswith("__init__"), f"{where} has no docstring"

    def test_what_users_call_has_an_example_that_runs(self):
        called = [wdist.estimate, wdist.line_from_disk, wdist.pairwise, wdist.sampling_floor, wdist.validate]
        called += [
            wdist.bounds,
            wdist.calibrate,
            wdist.compare,
            wdist.two_sample_test,
            wdist.WassersteinMetric,
        ]
        called += [getattr(wdist.functional, name) for name in wdist.functional.__all__]
        finder = doctest.DocTestFinder(recurse=False)
        for function in called:
            (found,) = finder.find(function, globs={})
            assert found.examples, f"{function.__qualname__} has no example"

    def test_doctests_are_part_of_the_default_run(self, pytestconfig):
        assert "--doctest-modules" in pytestconfig.getini("addopts")
        assert "wdist" in pytestconfig.getini("testpaths")


SEEDED = {"default_rng", "Generator", "SeedSequence", "PCG64", "BitGenerator"}
TORCH_DRAWS = {
    *("rand", "randn", "randint", "randperm", "multinomial", "normal", "bernoulli", "poisson"),
    *("rand_like", "randn_like", "randint_like"),
}
IN_PLACE_DRAWS = {
    *("normal_", "uniform_", "random_", "bernoulli_", "exponential_", "cauchy_", "geometric_", "log_normal_"),
    *(
        "trunc_normal_",
        "xavier_normal_",
        "xavier_uniform_",
        "kaiming_normal_",
        "kaiming_uniform_",
        "orthogonal_",
    ),
}
GLOBAL_STATE = {"manual_seed", "manual_seed_all", "seed_all", "set_rng_state", "set_state", "initial_seed"}
DRAWN_LAYERS = {
    "Linear",
    "Bilinear",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose2d",
    "Embedding",
    "LSTM",
    "GRU",
}
NOISY = {"Dropout", "Dropout2d", "dropout", "svd_lowrank", "pca_lowrank"}


def dotted(node):
    """The dotted name of an expression, "" for what is none: `np.random.rand` -> "np.random.rand"."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def global_draws(text):
    """Calls that read or move a global generator: [(line, name), ...]."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            found += [
                (node.lineno, "random")
                for name in names
                if name == "random" and not getattr(node, "level", 0)
            ]
        numpy = isinstance(node, ast.Attribute) and dotted(node).startswith(("np.random.", "numpy.random."))
        if numpy and node.attr not in SEEDED:
            found.append((node.lineno, dotted(node)))
        if not isinstance(node, ast.Call):
            continue
        name, given = dotted(node.func), {keyword.arg for keyword in node.keywords}
        last = name.rpartition(".")[2]
        if last == "default_rng" and not node.args and not given:
            found.append((node.lineno, name))
        if (
            name.startswith("torch.")
            and (last in TORCH_DRAWS or name == "torch.seed")
            and "generator" not in given
        ):
            found.append((node.lineno, name))
        if name.startswith(("torch.", "random.")) and last in GLOBAL_STATE:
            found.append((node.lineno, name))
        of_torch = name.startswith(("torch.", "nn.", "F."))
        called = getattr(node.func, "attr", "")  # of any object, whatever stands before the dot
        if called in IN_PLACE_DRAWS and "generator" not in given:
            found.append((node.lineno, called))
        ours = name.endswith(
            ".numpy.multinomial"
        )  # a call's own NumPy generator; of tensors it is torch's global one
        if called == "multinomial" and not of_torch and not ours and "generator" not in given:
            found.append((node.lineno, called))
        if called == "rvs" and "random_state" not in given:
            found.append((node.lineno, called))
        if called == "rsample" or (of_torch and last in DRAWN_LAYERS | NOISY):
            found.append((node.lineno, name))
    return sorted(set(found))


LENT = {("sources.py", "torch.set_rng_state"), ("plans/aside.py", "random")}
"""A DataLoader shuffles by torch's global generator, and POT's import draws from Python's: it is given back its own."""


class TestNoGlobalRandomness:
    @pytest.mark.parametrize("path", MODULES)
    def test_no_module_draws_from_a_global_generator(self, path):
        found = global_draws(MODULES[path].read_text())
        assert [f"{path}:{line} {name}" for line, name in found if (path, name) not in LENT] == []

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("np.random.seed(0)", "np.random.seed"),
            ("x = numpy.random.rand(3)", "numpy.random.rand"),
            ("f = np.random.shuffle", "np.random.shuffle"),
            ("rng = np.random.default_rng()", "np.random.default_rng"),
            ("import random", "random"),
            ("from random import choice", "random"),
            ("torch.manual_seed(0)", "torch.manual_seed"),
            ("torch.cuda.manual_seed_all(0)", "torch.cuda.manual_seed_all"),
            ("torch.seed()", "torch.seed"),
            ("torch.set_rng_state(s)", "torch.set_rng_state"),
            ("torch.rand(3, dtype=d)", "torch.rand"),
            ("torch.randperm(3)", "torch.randperm"),
            ("torch.randn_like(x)", "torch.randn_like"),
            ("torch.multinomial(w, 3)", "torch.multinomial"),
            ("w.multinomial(3)", "multinomial"),
            ("x[0].uniform_(-1, 1)", "uniform_"),
            ("torch.empty(3).normal_()", "normal_"),
            ("nn.init.kaiming_uniform_(w)", "kaiming_uniform_"),
            ("layer = nn.Linear(2, 3)", "nn.Linear"),
            ("y = F.dropout(x)", "F.dropout"),
            ("law.rsample((3,))", "law.rsample"),
            ("stats.norm.rvs(size=3)", "rvs"),
        ],
    )
    def test_the_check_sees(self, text, name):
        assert global_draws(text) == [(1, name)]

    @pytest.mark.parametrize(
        "text",
        [
            "rng = np.random.default_rng(sequence)",
            "s = np.random.SeedSequence(3).spawn(1)",
            "g = torch.Generator(device=d).manual_seed(0)",
            "torch.rand(3, generator=rng)",
            "x.uniform_(-1, 1, generator=rng)",
            "rng.numpy.normal(size=3)",
            "layer = nn.utils.skip_init(nn.Linear, 2, 3)",
            "stats.norm.rvs(size=3, random_state=rng)",
            "from wdist.truth import random_walk",
            "potential = Linear(slope)",
        ],
    )
    def test_the_check_lets_pass(self, text):
        assert global_draws(text) == []

    @staticmethod
    def states():
        name, keys, *rest = np.random.get_state()  # noqa: NPY002
        return name, tuple(keys), *rest, tuple(torch.get_rng_state().tolist()), random.getstate()

    @pytest.mark.parametrize("method", wdist.METHODS)
    def test_a_call_neither_moves_nor_reads_the_global_generators(self, method):
        np.random.seed(1)  # noqa: NPY002
        torch.manual_seed(1)
        random.seed(1)
        before = self.states()
        value = REQUESTS[method]().value
        assert self.states() == before
        np.random.seed(2)  # noqa: NPY002
        torch.manual_seed(2)
        random.seed(2)
        assert self.states() != before
        assert REQUESTS[method]().value == value

    def test_nor_does_the_sampling_floor_or_an_import(self):
        before = self.states()
        wdist.sampling_floor(np.arange(40.0).reshape(20, 2), np.arange(40.0).reshape(20, 2))
        assert self.states() == before


SURE = ("line", "circle", "discrete", "sinkhorn", "gaussian")
FORMS = {
    "int": lambda k: k,
    "NumPy int": np.int64,
    "NumPy generator": np.random.default_rng,
    "torch generator": lambda k: torch.Generator().manual_seed(k),
}


class TestSeeds:
    """One seed, one answer, in whatever form it comes; where a method draws, another seed is another one."""

    @staticmethod
    def ask(method, seed):
        """An answer, and what chance decided in it: for the critic, the value before it is cut at zero."""
        if method == "max-sliced":  # its climbs end at one top from wherever they start, so it may not climb
            found = REQUESTS[method](seed=seed, method=wdist.MaxSliced(steps=0))
            return found, tuple(found.detail.ends.tolist())
        found = REQUESTS[method](seed=seed)
        return found, found.detail.raw if method == "critic" else found.value

    @pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
    @pytest.mark.parametrize("method", wdist.METHODS)
    def test_the_same_seed_is_the_same_answer(self, method, make):
        (first, drawn), (again, redrawn), (_, another) = (self.ask(method, make(k)) for k in (3, 3, 4))
        assert first.value == again.value
        assert first.interval == again.interval
        assert drawn == redrawn
        assert (drawn == another) == (method in SURE)

    @pytest.mark.parametrize("method", sorted(set(wdist.METHODS) - set(SURE)))
    def test_a_generator_goes_on_and_none_is_fresh(self, method):
        rng = np.random.default_rng(3)
        first, second = (self.ask(method, rng)[1] for _ in range(2))
        assert first != second
        fresh = {self.ask(method, None)[1] for _ in range(2)}
        assert len(fresh) == 2
