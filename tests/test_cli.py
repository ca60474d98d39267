"""The command line: what reaches a command, and what a mistake looks like."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from genphys import cli, configuration, registry

MINE = '''\
raise SystemExit("this file was imported")
class Mine(Potential):
    """My own."""
    c: float = 2
    label: str | None = None
'''


@dataclass
class Runs:
    """Stands for genphys.runs: remembers what it was called with, and does as it is told."""

    calls: list[tuple[str, dict[str, Any], Path]] = field(default_factory=list)
    error: BaseException | None = None

    def command(self, name: str) -> Callable[[dict[str, Any], Path], None]:
        def run(config: dict[str, Any], folder: Path) -> None:
            assert not folder.exists()
            self.calls.append((name, config, folder))
            if self.error:
                raise self.error
            folder.mkdir(parents=True)
            (folder / "file").touch()

        return run

    @property
    def config(self) -> dict[str, Any]:
        return self.calls[-1][1]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runs:
    fake, module = Runs(), ModuleType("genphys.runs")
    for name in cli._COMMANDS:
        setattr(module, name, fake.command(name))
    monkeypatch.setitem(sys.modules, "genphys.runs", module)
    monkeypatch.chdir(tmp_path)
    for name in ("HYDRA_FULL_ERROR", "GENPHYS_SWEEP", "GENPHYS_RUNS", "GENPHYS_DEBUG", "COMP_LINE"):
        monkeypatch.setenv(name, "")
    monkeypatch.delenv("COMP_LINE")
    return fake


@pytest.fixture
def genphys(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["genphys", *words])
        status = cli.main()
        out, err = capsys.readouterr()
        return status, out, err

    return call


Call = Callable[..., tuple[int, str, str]]


def left_behind(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*")]


# What reaches a command


def test_defaults_of_train(genphys: Call, runs: Runs) -> None:
    assert genphys("train") == (0, "", "")
    (name, config, folder) = runs.calls[0]
    assert name == "train" and re.fullmatch(
        r"runs/train/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d", str(folder)
    )
    assert config["potential"] == {"name": "pfgmpp", "D": 128.0}
    assert config["data"]["name"] == "digits" and config["network"] == {"name": "auto"}
    assert (config["preset"], config["resume"]) == (None, None)
    assert "hydra" not in config and type(config) is dict and type(config["train"]) is dict


@pytest.mark.parametrize(
    ("preset", "potential"),
    [
        ("pfgmpp", {"name": "pfgmpp", "D": 128.0}),
        ("pfgm", {"name": "pfgm"}),
        ("edm", {"name": "heat"}),
    ],
)
def test_presets(genphys: Call, runs: Runs, preset: str, potential: dict[str, object]) -> None:
    assert genphys("train", f"preset={preset}", "train.steps=3")[0] == 0
    assert (runs.config["preset"], runs.config["potential"]) == (preset, potential)
    assert runs.config["train"]["steps"] == 3


def test_words_win_over_a_preset(genphys: Call, runs: Runs) -> None:
    assert genphys("train", "preset=edm", "potential=yukawa", "potential.mass=1")[0] == 0
    assert runs.config["potential"] == {"name": "yukawa", "D": 128.0, "mass": 1.0}


def test_values_take_the_type_of_their_default(genphys: Call, runs: Runs) -> None:
    words = (
        "train.steps=2e3",
        "sample.sigma_max=50",
        "train.minutes=3",
        "network=unet",
        "resume=7",
    )
    assert genphys("train", *words, "network.mult=[1,2,4]", "train.lr=1e-4")[0] == 0
    train = runs.config["train"]
    assert (train["steps"], train["minutes"], train["lr"]) == (2000, 3.0, 1e-4)
    assert type(train["steps"]) is int and type(train["minutes"]) is float
    assert type(runs.config["sample"]["sigma_max"]) is float
    assert runs.config["network"]["mult"] == [1, 2, 4] and runs.config["resume"] == "7"


@pytest.mark.parametrize("command", ["sample", "evaluate"])
def test_run_is_all_that_sample_and_evaluate_need(genphys: Call, runs: Runs, command: str) -> None:
    assert genphys(command, "run=runs/train/x", "seed=3") == (0, "", "")
    assert runs.calls[0][0] == command
    assert (runs.config["run"], runs.config["seed"]) == ("runs/train/x", 3)


def test_formula_is_typed_plainly_or_in_quotes(genphys: Call, runs: Runs) -> None:
    formula = "phi.diff(t) = Laplacian(phi, x) - m**2*phi"
    for typed in (formula, f'"{formula}"', f"'{formula}'"):
        assert genphys("derive", f"equation={typed}", "parameters.m=2", "dim=3")[0] == 0
        assert runs.config["equation"] == formula
        assert (runs.config["parameters"], runs.config["dim"]) == ({"m": 2.0}, 3)


def test_potential_in_a_file_is_a_choice_without_being_imported(
    genphys: Call, runs: Runs, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    assert (
        genphys("train", "potential=./mine.py:Mine", "potential.c=3", "potential.label=a")[0] == 0
    )
    name = f"{(tmp_path / 'mine.py').resolve()}:Mine"
    assert runs.config["potential"] == {"name": name, "c": 3.0, "label": "a"}


def test_sweep(genphys: Call, runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    assert genphys("train", "--multirun", "potential=heat,mine.py:Mine", "train.seed=1,2")[0] == 0
    found = [(c["potential"]["name"].split(":")[-1], c["train"]["seed"]) for _, c, _ in runs.calls]
    assert found == [("heat", 1), ("heat", 2), ("Mine", 1), ("Mine", 2)]
    folders = [folder for _, _, folder in runs.calls]
    assert [folder.name for folder in folders] == ["0", "1", "2", "3"]
    assert len({folder.parent for folder in folders}) == 1


def test_two_runs_of_one_second_do_not_share_a_folder(
    genphys: Call, runs: Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(configuration, "_now", lambda: "now")
    monkeypatch.setenv("GENPHYS_RUNS", str(tmp_path / "elsewhere"))
    home = tmp_path / "elsewhere" / "train"
    for _ in range(2):
        assert genphys("train")[0] == 0
    with configuration._reserved(home / "now") as waiting:  # has not made its folder yet
        assert genphys("train")[0] == 0
    assert [folder for _, _, folder in runs.calls] == [home / "now", home / "now_2", home / "now_4"]
    assert waiting == home / "now_3"
    assert sorted(path.name for path in home.iterdir()) == ["now", "now_2", "now_4"]


def test_run_folder_of_ones_own(genphys: Call, runs: Runs) -> None:
    for name in ("here", "here_2"):
        assert genphys("train", "hydra.run.dir=out/here")[0] == 0
        assert runs.calls[-1][2] == Path("out") / name


# What a mistake looks like


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("trian", "genphys: unknown command 'trian'; did you mean train?"),
        ("list potential", "genphys: unknown list 'potential'; did you mean potentials?"),
        ("train potential=haet", "unknown potential 'haet'; did you mean heat? there are: heat, "),
        ("train preset=emd", "unknown preset 'emd'; did you mean edm? there are: edm, "),
        ("train data=digit", "unknown data 'digit'; did you mean digits?"),
        (
            "train network=net",
            "unknown network 'net'; did you mean unet? there are: auto, mlp, unet",
        ),
        ("train train.stps=3", "unknown key 'train.stps'; did you mean train.steps"),
        (
            "train stps=3",
            "unknown key 'stps'; there are: potential, data, network, preset, train, ",
        ),
        ("train +train.foo=3", "unknown key 'train.foo'"),
        ("derive data=digits", "unknown key 'data'; there are: potential, dim, equation, "),
        ("train potential=heat potential.D=3", "unknown key 'potential.D'; there are: none"),
        (
            "derive potential=yukawa potential.mas=3",
            "unknown key 'potential.mas'; did you mean potential.mass",
        ),
        ("train potential.D=abc", "train: potential.D=abc: a number is wanted"),
        ("train potential.D=null", "train: potential.D=null: a number is wanted"),
        ("train train.steps=abc", "train: train.steps=abc: a whole number is wanted"),
        ("train train.steps=1.5", "train: train.steps=1.5: a whole number is wanted"),
        ("train train.steps=inf", "train: train.steps=inf: a whole number is wanted"),
        ("train train.lr=true", "train: train.lr=true: a number is wanted"),
        ("train train.minutes=abc", "train: train.minutes=abc: a number is wanted"),
        ("train device=null", "train: device=null: text is wanted"),
        ("derive figures=3", "derive: figures=3: true or false is wanted"),
        ("derive parameters.m=abc", "derive: parameters.m=abc: a number is wanted"),
        ("derive parameters=3", "derive: parameters=3: set parameters.NAME"),
        (
            "train network=unet network.mult=3",
            "network.mult=3: a list is wanted, as in network.mult=[1, 2]",
        ),
        ("train sample=3", "train: sample=3: set sample.n, sample.steps, "),
        ("train ~train.lr", "train: train.lr is missing: give train.lr=..."),
        ("train ~data", "train: data is missing: give data=..."),
        ("train data=images", "train: data.path is missing: give data.path=..."),
        ("train data.name=moons", "train: data.name=moons: choose by data=moons"),
        ("train potential.name=heat", "train: potential.name=heat: choose by potential=heat"),
        ("sample", "sample: run is missing: give run=..."),
        ("train digits", "train: cannot read 'digits': give key=value"),
        ("train data.path=a(b", "in quotes of its own"),
        ("train preset=edm,pfgm", "to run each of them, add --multirun"),
        ("train potential=no.py:Mine", "potential=no.py:Mine: there is no file /"),
        ("train potential=no.py", "potential=no.py: give FILE.py:Class"),
        ("train --foo", "train: unrecognized arguments: --foo"),
        ("train --experimental-rerun=x", "train: unrecognized arguments: --experimental-rerun=x"),
        ("train --cfg jobs", "invalid choice: 'jobs'"),
        ("train --config-dir nowhere", "nowhere' not found"),
        ("train -m potential.D=1,abc", "train: potential.D=abc: a number is wanted"),
    ],
)
def test_mistake_is_one_line_and_leaves_nothing(
    genphys: Call, runs: Runs, tmp_path: Path, words: str, line: str
) -> None:
    status, out, err = genphys(*words.split())
    assert (status, out, err.count("\n")) == (2, "", 1), err
    assert line in err and err.startswith("genphys")
    assert not runs.calls and not left_behind(tmp_path)


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ValueError("D = -1.0: it must be\npositive"), 2, "D = -1.0: it must be; positive"),
        (FileNotFoundError("runs/x is no run folder"), 2, "runs/x is no run folder"),
        (PermissionError(13, "Permission denied", "x.npz"), 2, "x.npz: Permission denied"),
        (ValueError(), 2, "ValueError"),
        (ArithmeticError("the loss is nan at step 3"), 1, "the loss is nan at step 3"),
    ],
)
def test_error_of_a_command(
    genphys: Call, runs: Runs, tmp_path: Path, error: Exception, status: int, line: str
) -> None:
    runs.error = error
    assert genphys("train") == (status, "", f"genphys train: {line}\n")
    assert not left_behind(tmp_path)


def test_traceback_on_demand(genphys: Call, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENPHYS_DEBUG", "1")
    runs.error = ValueError("wrong")
    status, _, err = genphys("train")
    assert status == 2 and err.startswith("Traceback") and err.endswith("genphys train: wrong\n")


def test_bug_keeps_its_traceback(genphys: Call, runs: Runs, tmp_path: Path) -> None:
    runs.error = KeyError("bug")
    with pytest.raises(KeyError, match="bug"):
        genphys("train")
    assert not left_behind(tmp_path)


def test_interrupt_is_quiet(genphys: Call, runs: Runs) -> None:
    runs.error = KeyboardInterrupt()
    assert genphys("train") == (130, "", "")


def test_sweep_goes_on_after_a_mistake_and_names_the_job(genphys: Call, runs: Runs) -> None:
    status, _, err = genphys("train", "-m", "data=images,digits")
    assert status == 2 and len(runs.calls) == 1
    assert "['data=images']" in err and err.endswith(
        "genphys train: data.path is missing: give data.path=...\n"
    )


# What it says of itself


def test_no_words_is_usage(genphys: Call) -> None:
    status, out, err = genphys()
    assert (status, out) == (2, "") and err.startswith("usage: genphys {list,derive,train,")


def test_version(genphys: Call) -> None:
    for words in (("--version",), ("train", "--version")):
        assert re.fullmatch(r"genphys \d+\.\d+\.\d+\n", genphys(*words)[1])


def test_help_names_commands_potentials_and_parameters(genphys: Call) -> None:
    status, out, err = genphys("--help")
    assert (status, err) == (0, "")
    assert all(word in out for word in (*cli._COMMANDS, "list", "D=128.0 mass=0.05"))
    assert all(entry.text in out for entry in registry.potentials().values())


@pytest.mark.parametrize("command", cli._COMMANDS)
def test_help_of_a_command_shows_every_key(genphys: Call, command: str) -> None:
    status, out, err = genphys(command, "--help")
    assert (status, err) == (0, "")
    for key in configuration.keys(command):
        assert re.search(rf"^  {key}[:=]", out, re.MULTILINE), key


def test_list(genphys: Call) -> None:
    status, out, err = genphys("list")
    assert (status, err) == (0, "")
    assert [line for line in out.splitlines() if line.endswith(":")] == [
        f"{k}:" for k in cli._LISTS
    ]
    for kind in cli._LISTS:
        rows = genphys("list", kind)[1].splitlines()
        assert rows and all(row.startswith("  ") and row.endswith(" genphys") for row in rows)
        assert all(row in out for row in rows)


def test_cfg_shows_the_resolved_job(genphys: Call, runs: Runs) -> None:
    status, out, err = genphys("train", "preset=pfgm", "train.steps=7", "--cfg", "job")
    shown = yaml.safe_load(out)
    assert (status, err, shown["train"]["steps"], shown["potential"]["name"]) == (0, "", 7, "pfgm")
    assert not runs.calls


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("genphys ", "list derive train sample evaluate"),
        ("genphys tr", "train"),
        ("genphys list da", "datasets"),
        ("genphys nonsense x", ""),
        ("genphys train preset=", "preset=edm preset=pfgm preset=pfgmpp"),
        ("genphys train potential=h", "potential=heat"),
        ("genphys train train.st", "train.steps="),
    ],
)
def test_completion(genphys: Call, monkeypatch: pytest.MonkeyPatch, line: str, words: str) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    assert genphys("-sc", "query=bash") == (0, f"{words}\n" if words else "", "")


def test_completion_can_be_installed(genphys: Call) -> None:
    status, out, err = genphys("-sc", "install=bash")
    assert (status, err) == (0, "") and "complete" in out


@pytest.mark.parametrize("words", ["--help", "list", "--version", "train --help"])
def test_quick_words_import_nothing_heavy(words: str, tmp_path: Path) -> None:
    code = (
        "import sys; from genphys.cli import main; main();"
        "print({'torch', 'sympy', 'numpy', 'hydra'} & {*sys.modules})"
    )
    command = [sys.executable, "-c", code, *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout.endswith("set()\n"), done.stderr


def test_completion_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from genphys.cli import main; main();"
        "print({'torch', 'sympy'} & {*sys.modules})"
    )
    command = [sys.executable, "-c", code, "-sc", "query=bash"]
    env = os.environ | {"COMP_LINE": "genphys train preset=p"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env=env
    )
    assert done.stdout == "preset=pfgm preset=pfgmpp\nset()\n", done.stderr


def test_reader_that_leaves_early_sees_no_traceback() -> None:
    command = f"{sys.executable} -m genphys list | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("", "")


# The configurations agree with the code they are for


def config(name: str) -> dict[str, Any]:
    (_, folder), *_ = registry.config_folders()
    read: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text())
    return read


def test_data_sets_are_those_of_the_package() -> None:
    from genphys.data import DATASETS

    names = [entry.name for entry in registry.choices("data")]
    assert sorted(names) == sorted(DATASETS)
    for name, function in DATASETS.items():
        parameters = inspect.signature(function).parameters.values()
        wanted = {p.name: "???" if p.default is p.empty else p.default for p in parameters}
        assert config(f"data/{name}") == {"name": name} | wanted


def test_networks_are_those_of_the_package() -> None:
    from genphys.networks import MLP, UNet

    for cls, name in ((MLP, "mlp"), (UNet, "unet")):
        parameters = inspect.signature(cls).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.name not in ("shape", "heads")}
        defaults = {k: list(v) if isinstance(v, tuple) else v for k, v in defaults.items()}
        assert config(f"network/{name}") == {"name": name} | defaults


def test_training_options_are_those_of_the_package() -> None:
    from genphys.training import Options

    train = config("train")
    ours = train["train"] | train["preconditioning"]
    del ours["checkpoint_every"]  # when the run folder is written
    assert Options(**ours) == Options()


def test_environment_variable_left_empty_is_not_the_root_folder(genphys: Call, runs: Runs) -> None:
    os.environ["GENPHYS_RUNS"] = ""  # the fixture restores it
    assert genphys("train", "-m", "train.seed=1")[0] == 0
    assert not runs.calls[0][2].is_absolute()
