"""A run's folder: what is written, and that a run survives kills, cut files, full disks, signals and bad numbers."""

import dataclasses
import errno
import io
import json
import multiprocessing
import os
import re
import shlex
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import wdist
from wdist import gan
from wdist.cli import app
from wdist.errors import InputError, NotConvergedError
from wdist.gan import folder as folder_of_runs
from wdist.gan import tensors
from wdist.gan.critics import CRITICS
from wdist.gan.folder import RunFolder, found_in
from wdist.gan.recipes import GENERATORS, described
from wdist.gan.run import Interrupted, Pace, begin, resume

POINTS = np.random.default_rng(3).normal(size=(200, 2)).astype(np.float32)
PACE = Pace(log=1, samples=0, checkpoint=3)


def tiny(data=POINTS, **changes):
    nets = {"generator": gan.MLPGenerator((8,), 4), "critic": wdist.MLP((8,)), "batch": 8, "ema": 0.9}
    return gan.preset("wgan-gp", data, **{**nets, "n_critic": 2, "steps": 12, "held_every": 4, **changes})


def last(folder):
    state, _ = RunFolder(folder).checkpoints().latest()
    return {key: value for key, value in state.items() if key != "seconds"}


def flat(node, path=""):
    """Every leaf of a tree by its path."""
    if isinstance(node, (dict, list, tuple)):
        pairs = node.items() if isinstance(node, dict) else enumerate(node)
        return {k: v for key, value in pairs for k, v in flat(value, f"{path}/{key}").items()}
    return {path: node}


def assert_same(one, other):
    one, other = flat(one), flat(other)
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert torch.equal(value, other[key]) if isinstance(value, torch.Tensor) else value == other[key], key


def work(folder, steps, changes):
    """What a process does that is to be killed: begin the run or go on with it, to its end."""
    torch.set_num_threads(1)
    folder, config = RunFolder(folder), tiny(steps=steps, **changes)
    run = resume(folder, config, PACE) if folder.config.exists() else begin(folder, config, 7, PACE)
    for _ in run.train():
        time.sleep(0.002)


def killed(folder, steps, kills, seed, **changes):
    """Train in processes that are killed at random steps, `kills` times; then to the end."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["wdist.gan.run"])
    targets = sorted(np.random.default_rng(seed).integers(1, steps - 1, kills).tolist())
    done = 0
    for target in [*targets, None]:
        process = context.Process(target=work, args=(folder, steps, changes))
        process.start()
        while process.is_alive():
            log = folder / "log.jsonl"
            if target is not None and log.exists() and log.read_text().count("\n") >= target:
                os.kill(process.pid, signal.SIGKILL)
                done += 1
                break
            time.sleep(0.001)
        process.join()
        assert process.exitcode == (0 if target is None else -signal.SIGKILL)
    assert done == kills


class TestResume:
    @pytest.mark.parametrize(
        ("steps", "kills"), [(40, 3), pytest.param(200, 10, marks=pytest.mark.slow)], ids=["three", "ten"]
    )
    def test_a_run_that_is_killed_ends_as_one_that_is_not(self, steps, kills, tmp_path):
        killed(tmp_path / "killed", steps, kills, seed=steps)
        list(begin(RunFolder(tmp_path / "whole"), tiny(steps=steps), 7, PACE).train())
        assert_same(last(tmp_path / "killed"), last(tmp_path / "whole"))
        logs = [
            [{k: v for k, v in row.items() if k != "seconds"} for row in RunFolder(tmp_path / n).rows()]
            for n in ("killed", "whole")
        ]
        assert logs[0] == logs[1]
        assert [row["step"] for row in logs[0]] == list(range(1, steps + 1))

    def test_nor_does_it_matter_who_reads_its_data(self, tmp_path):
        np.save(tmp_path / "x.npy", POINTS)
        data = gan.Data(str(tmp_path / "x.npy"))
        killed(tmp_path / "killed", 12, 1, seed=5, data=data, workers=2)
        list(begin(RunFolder(tmp_path / "whole"), tiny(data, steps=12), 7, PACE).train())
        assert_same(last(tmp_path / "killed"), last(tmp_path / "whole"))

    @pytest.mark.parametrize(
        "data", [gan.Data("ring"), gan.Data("mnist", classes=(7,))], ids=["law", "images"]
    )
    def test_its_config_says_all_that_is_needed(self, data, tmp_path):
        whole = begin(RunFolder(tmp_path / "a"), tiny(data), 1, PACE)
        list(whole.train())
        half = begin(RunFolder(tmp_path / "b"), tiny(data), 1, PACE)
        for report in half.train():
            if report.step == 7:
                break
        list(resume(RunFolder(tmp_path / "b"), pace=PACE).train())
        assert_same(last(tmp_path / "a"), last(tmp_path / "b"))

    @pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
    def test_a_damaged_checkpoint_is_passed_over_with_a_message(self, damage, tmp_path):
        list(begin(RunFolder(tmp_path / "r"), tiny(), 1, PACE).train())
        whole = last(tmp_path / "r")
        newest = sorted((tmp_path / "r" / "checkpoints").iterdir())[-1]
        content = newest.read_bytes()
        changed = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
        newest.write_bytes({"cut": content[:-40], "changed": changed, "empty": b""}[damage])
        run = resume(RunFolder(tmp_path / "r"), tiny(), PACE)
        assert run.trainer.step == 9
        assert len(run.told) == 1
        assert "step-000000012" in run.told[0]
        assert ("checksum" if damage == "changed" else "cut off") in run.told[0]
        list(run.train())
        assert_same(last(tmp_path / "r"), whole)

    def test_with_no_sound_checkpoint_it_begins_again(self, tmp_path):
        list(begin(RunFolder(tmp_path / "r"), tiny(), 1, PACE).train())
        whole = last(tmp_path / "r")
        for file in (tmp_path / "r" / "checkpoints").iterdir():
            file.write_bytes(b"x")
        run = resume(RunFolder(tmp_path / "r"), tiny(), PACE)
        assert (run.trainer.step, len(run.told)) == (0, 3)
        assert run.told[2] == f"{tmp_path / 'r'} has no sound checkpoint: it begins at step 0 again"
        list(run.train())
        assert_same(last(tmp_path / "r"), whole)
        assert [row["step"] for row in run.folder.rows()] == list(range(1, 13))

    def test_another_config_is_refused_and_said(self, tmp_path):
        begin(RunFolder(tmp_path / "r"), tiny(), 1)
        other = tiny(n_critic=5, critic=wdist.MLP((9,)), constraint=wdist.Clip(0.01))
        with pytest.raises(InputError) as refused:
            resume(RunFolder(tmp_path / "r"), other)
        assert "is a run of another config: " in str(refused.value)
        for difference in (
            "critic.widths was [8] and is [9]",
            "n_critic was 2 and is 5",
            "constraint was GradientPenalty and is Clip",
        ):
            assert difference in str(refused.value)
        with pytest.raises(InputError, match=r"data\.fingerprint was \w+ and is \w+"):
            resume(RunFolder(tmp_path / "r"), tiny(POINTS + 1))

    def test_data_that_only_a_program_had_must_be_brought_again(self, tmp_path):
        begin(RunFolder(tmp_path / "r"), tiny(), 1)
        with pytest.raises(
            InputError, match="trained on a ndarray that a program held; resume it from there"
        ):
            resume(RunFolder(tmp_path / "r"))

    def test_another_run_begins_from_its_nets(self, tmp_path):
        list(begin(RunFolder(tmp_path / "r"), tiny(), 1, PACE).train())
        was, other = last(tmp_path / "r"), tiny(n_critic=1, steps=2)
        run = begin(RunFolder(tmp_path / "s"), other, 2, PACE, start=tmp_path / "r")
        state = run.trainer.state()
        nets = ("generator", "averaged", "critic")
        assert_same({name: state[name] for name in nets}, {name: was[name] for name in nets})
        new = gan.Trainer(other, 2).state()
        for name in ("step", "optimizers", "feeds", "rngs"):
            assert_same(state[name], new[name])
        resumed = resume(RunFolder(tmp_path / "s"), other, PACE)  # killed before its first step
        list(run.train())
        list(resumed.train())
        assert run.trainer.step == resumed.trainer.step == 2
        assert_same(
            *({k: v for k, v in one.trainer.state().items() if k != "seconds"} for one in (run, resumed))
        )
        early = tmp_path / "r" / "checkpoints" / "step-000000009.safetensors"
        assert (
            begin(RunFolder(tmp_path / "t"), other, 2, start=early)
            .told[-1]
            .endswith("000009.safetensors, step 9")
        )
        with pytest.raises(InputError, match=r"its averaged net has \d+ weights and this one's \d+; keep"):
            begin(RunFolder(tmp_path / "u"), tiny(generator=gan.MLPGenerator((9,), 4)), start=tmp_path / "r")
        for file in (tmp_path / "s" / "checkpoints").iterdir():
            file.write_bytes(b"x")
        with pytest.raises(InputError, match=r"no sound checkpoint .* begin it anew: wdist gan train --from"):
            resume(RunFolder(tmp_path / "s"), other)

    def test_a_folder_without_a_run_is_refused(self, tmp_path):
        with pytest.raises(InputError, match="holds no run of `wdist gan train`"):
            resume(RunFolder(tmp_path))


class TestTrouble:
    def test_two_runs_in_one_folder_are_refused(self, tmp_path):
        run = begin(RunFolder(tmp_path / "r"), tiny(), 1, PACE)
        with pytest.raises(InputError, match="holds a run already; go on with it by --resume"):
            begin(RunFolder(tmp_path / "r"), tiny(), 1)
        going = run.train()
        next(going)
        with pytest.raises(InputError, match=f"is in use by process {os.getpid()}; wait for it"):
            resume(RunFolder(tmp_path / "r"), tiny())
        going.close()
        resume(RunFolder(tmp_path / "r"), tiny())

    def test_a_folder_that_cannot_be_written_to_is_refused(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match=r"cannot be written to .*; choose another folder"):
            begin(RunFolder(tmp_path / "file" / "run"), tiny(), 1)

    def test_a_full_disk_costs_the_checkpoint_and_not_the_run(self, tmp_path, monkeypatch):
        run = begin(RunFolder(tmp_path / "r"), tiny(), 1, PACE)
        heard, whole = [], tensors.write_tensors
        run.tell = heard.append

        def full(path, content, header):
            if run.trainer.step in (6, 9):
                path.write_bytes(b"part")
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            whole(path, content, header)

        monkeypatch.setattr(tensors, "write_tensors", full)
        going = run.train()
        for report in going:
            if report.step == 10:
                break
        going.close()
        assert [text.split(":")[0] for text in heard] == [
            "no checkpoint at step 6",
            "no checkpoint at step 9",
        ]
        assert "No space left on device" in heard[0]
        assert [p.name for p in (tmp_path / "r" / "checkpoints").iterdir()] == ["step-000000003.safetensors"]
        assert last(tmp_path / "r")["step"] == 3

    def test_a_run_that_leaves_nothing_ends_in_words(self, tmp_path, monkeypatch):
        run, heard = begin(RunFolder(tmp_path / "r"), tiny(steps=3), 1, PACE), []
        run.tell = heard.append

        def full(path, content, header):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patched:
            patched.setattr(tensors, "write_tensors", full)
            with pytest.raises(
                InputError, match=r"nothing of this run could be saved .* begins at step 0 again"
            ):
                list(run.train())
        assert [text.split(":")[0] for text in heard] == ["no checkpoint at step 3", "at step 3"]
        again = resume(RunFolder(tmp_path / "r"), tiny(steps=3), PACE)
        assert again.told == [f"{tmp_path / 'r'} has no sound checkpoint: it begins at step 0 again"]
        list(again.train())
        assert again.folder.generator.exists()

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_saves_and_ends_it(self, number, tmp_path):
        run = begin(RunFolder(tmp_path / "r"), tiny(), 1, Pace(checkpoint=0))
        before = signal.getsignal(number)
        with pytest.raises(Interrupted, match=r"stopped by SIG\w+ at step 5, which is saved"):  # noqa: PT012
            for report in run.train():
                if report.step == 5:
                    os.kill(os.getpid(), number)
        assert signal.getsignal(number) == before
        list(resume(RunFolder(tmp_path / "r"), tiny()).train())
        list(begin(RunFolder(tmp_path / "whole"), tiny(), 1).train())
        assert_same(last(tmp_path / "r"), last(tmp_path / "whole"))

    def test_a_number_that_is_not_finite_leaves_the_last_good_state(self, tmp_path):
        run = begin(RunFolder(tmp_path / "r"), tiny(), 1, PACE)
        going = run.train()
        for _ in range(5):
            next(going)
        with torch.no_grad():
            next(run.trainer.critic.net.parameters()).fill_(float("nan"))
        with pytest.raises(NotConvergedError) as stopped:
            next(going)
        assert "the critic's value is not finite at step 6; what to try: lower learning rates" in str(
            stopped.value
        )
        assert f"The last good state is that of step 3, in {tmp_path / 'r' / 'checkpoints'}" in str(
            stopped.value
        )

    def test_weights_that_are_not_finite_are_never_saved(self, tmp_path):
        run = begin(RunFolder(tmp_path / "r"), tiny(ema=0.0), 1, Pace(checkpoint=4))
        going = run.train()
        for _ in range(3):
            next(going)
        with torch.no_grad():
            run.trainer.net[-1].bias[0] = float("inf")
        with pytest.raises(NotConvergedError, match="a weight is not finite after step 3"):
            run.checkpoint()


class TestFiles:
    def test_a_tree_comes_back_to_the_bit(self, tmp_path):
        tree = {
            "a": {0: torch.arange(3), "b": (1, 2.5, None, [True, "x"])},
            "nan": float("nan"),
            "f": 0.1,
            "e": {},
        }
        tree["shared"] = tree["a"][0]
        tree["scalar"] = torch.tensor(3.0, dtype=torch.float64)
        tensors.write_tree(tmp_path / "t", tree)
        found = tensors.read_tree(tmp_path / "t")
        assert_same(
            {k: v for k, v in found.items() if k != "nan"}, {k: v for k, v in tree.items() if k != "nan"}
        )
        assert np.isnan(found["nan"])
        assert isinstance(found["a"]["b"], tuple)
        assert list(tmp_path.iterdir()) == [tmp_path / "t"]

    def test_nothing_is_pickled(self, tmp_path):
        list(begin(RunFolder(tmp_path / "r"), tiny(gan.Data("ring")), 1, PACE).train())
        for file in (tmp_path / "r").rglob("*"):
            if file.is_file():
                assert not file.read_bytes().startswith((b"\x80", b"PK")), file

    def test_the_last_step_is_logged_and_has_its_curve_however_short_the_run(self, tmp_path):
        run = begin(RunFolder(tmp_path / "r"), tiny(steps=3, held_every=0), 1, Pace(log=10, samples=0))
        list(run.train())
        assert [row["step"] for row in run.folder.rows()] == [3]
        assert run.folder.curve.exists()

    def test_what_a_run_leaves(self, tmp_path):
        run = begin(
            RunFolder(tmp_path / "r"),
            tiny(gan.Data("mnist", classes=(7,))),
            1,
            Pace(log=5, samples=6, checkpoint=3),
        )
        list(run.train())
        files = {p.relative_to(tmp_path / "r").as_posix() for p in (tmp_path / "r").rglob("*") if p.is_file()}
        assert files == {
            "config.json", "environment.json", "log.jsonl", "lock", "curve.png", "generator.safetensors",
            "samples/000000006.png", "samples/000000012.png",
            "checkpoints/step-000000009.safetensors", "checkpoints/step-000000012.safetensors",
        }  # fmt: skip
        assert [row["step"] for row in run.folder.rows()] == [4, 5, 8, 10, 12]
        with Image.open(tmp_path / "r" / "samples" / "000000012.png") as sheet:
            assert sheet.size == (8 * 56, 8 * 56)
        assert json.loads((tmp_path / "r" / "environment.json").read_text())["torch"] == torch.__version__
        rng = torch.Generator().manual_seed(0)
        made = found_in(tmp_path / "r").generator.draw(3, rng)
        assert torch.equal(made, run.trainer.generator.draw(3, torch.Generator().manual_seed(0)))


def drawn(generator, n=5):
    return generator.draw(n, torch.Generator().manual_seed(0))


class TestUnfinished:
    """A run that was interrupted is drawn from as it stood at its newest sound checkpoint."""

    @pytest.fixture
    def run(self, tmp_path):
        run = begin(RunFolder(tmp_path / "r"), tiny(), 1, PACE)
        run.made = {}
        for report in run.train():
            run.made[report.step] = drawn(run.trainer.generator)
            if report.step == 7:
                break
        return run

    def test_it_is_the_averaged_generator_of_the_newest_checkpoint(self, run):
        found = found_in(run.folder.path)
        assert found.step == 6
        assert torch.equal(drawn(found.generator), run.made[6])
        assert found.told == f"{run.folder.path} is not finished: averaged weights of step 6 of 12"

    def test_without_an_average_it_is_the_generator(self, tmp_path):
        run = begin(RunFolder(tmp_path / "p"), tiny(ema=0.0), 1, PACE)
        next(run.train())
        run.checkpoint()
        found = found_in(tmp_path / "p")
        assert torch.equal(drawn(found.generator), drawn(run.trainer.generator))
        assert found.told.endswith("the weights of step 1 of 12")

    def test_a_damaged_checkpoint_is_passed_over(self, run):
        path = run.folder.path
        (path / "checkpoints" / "step-000000006.safetensors").write_bytes(b"cut")
        found = found_in(path)
        assert found.step == 3
        assert found.told.startswith("passed over: ")
        assert torch.equal(drawn(found.generator), run.made[3])
        (path / "checkpoints" / "step-000000003.safetensors").write_bytes(b"cut")
        with pytest.raises(
            InputError, match=r"no sound checkpoint \(.*go on with the run: wdist gan train --resume"
        ):
            found_in(path)

    def test_a_finished_run_is_its_end(self, run):
        list(resume(run.folder, tiny(), PACE).train())
        found = found_in(run.folder.path)
        assert (found.step, found.told) == (None, "")
        assert torch.equal(drawn(found.generator), drawn(gan.load(run.folder.generator)))
        assert not torch.equal(drawn(found.generator), run.made[6])

    def test_a_damaged_generator_gives_way_to_the_newest_checkpoint(self, run):
        list(resume(run.folder, tiny(), PACE).train())
        whole = drawn(found_in(run.folder.path).generator)
        run.folder.generator.write_bytes(run.folder.generator.read_bytes()[:-50])
        found = found_in(run.folder.path)
        assert (found.step, found.told.startswith("passed over: ")) == (12, True)
        assert "generator.safetensors" in found.told
        assert found.told.endswith(f"{run.folder.path} gives averaged weights of step 12 of 12")
        assert torch.equal(drawn(found.generator), whole)
        with pytest.raises(InputError, match=r"generator\.safetensors is no file that wdist saved"):
            found_in(run.folder.generator)
        for file in (run.folder.path / "checkpoints").iterdir():
            file.unlink()
        with pytest.raises(InputError, match=r"generator\.safetensors is no file that wdist saved"):
            found_in(run.folder.path)

    def test_what_an_earlier_version_wrote_has_to_be_finished(self, run):
        state, _ = run.folder.checkpoints().latest()
        del state["about"]
        run.folder.checkpoints(1).save(9, state)
        with pytest.raises(InputError, match="its checkpoint is of an earlier version"):
            found_in(run.folder.path)
        list(resume(run.folder, tiny(), PACE).train())  # which can still be gone on with

    def test_before_the_first_checkpoint_there_is_nothing_to_draw(self, tmp_path):
        begin(RunFolder(tmp_path / "n"), tiny(), 1, PACE)
        with pytest.raises(
            InputError, match="is not finished and has no sound checkpoint; go on with the run"
        ):
            found_in(tmp_path / "n")

    def test_images_by_class_are_drawn_without_the_data(self, tmp_path):
        images = np.random.default_rng(0).integers(0, 255, (40, 8, 8, 3)).astype(np.uint8)
        pairs = [(image, k % 2) for k, image in enumerate(images)]

        class Pairs(torch.utils.data.Dataset):
            def __len__(self):
                return len(pairs)

            def __getitem__(self, k):
                return pairs[k]

        config = tiny(Pairs(), conditional=True, generator=gan.DCGANGenerator(4, 4))
        run = begin(RunFolder(tmp_path / "c"), config, 1, PACE)
        for report in run.train():
            if report.step == 3:
                break
        made = run.trainer.generator.draw(4, torch.Generator().manual_seed(0), label=1)
        found = found_in(tmp_path / "c").generator
        assert torch.equal(found.draw(4, torch.Generator().manual_seed(0), label=1), made)
        assert (found.form, found.names) == (run.trainer.form, ("0", "1"))

    def test_the_command_line_says_at_which_step(self, run, monkeypatch):
        monkeypatch.chdir(run.folder.path.parent)
        result = cli("gan sample r --out s.npy -n 5")
        assert result.exit_code == 0, result.output
        assert np.array_equal(np.load("s.npy"), run.made[6].numpy())
        assert result.stderr == "wdist: r is not finished: averaged weights of step 6 of 12\n"


def cli(line):
    return CliRunner().invoke(app, shlex.split(line), prog_name="wdist", env={"COLUMNS": "120"})


def test_one_hook_lets_go_of_a_folder_in_forked_processes_however_often_it_is_locked(tmp_path, monkeypatch):
    hooks = []
    monkeypatch.setattr(os, "register_at_fork", lambda *, after_in_child: hooks.append(after_in_child))
    folder_of_runs._held.cache_clear()
    folders = [RunFolder(tmp_path / name) for name in "ab"]
    for folder in folders:
        folder.make()
        for _ in range(2):
            with folder.locked():
                pass
    assert len(hooks) == 1
    with folders[0].locked():
        (lock,) = folder_of_runs._held()
        with pytest.raises(InputError, match="is in use by process"), folders[0].locked():
            pass
        hooks[0]()  # as in a child: what it holds is closed
        assert lock.closed
    assert not folder_of_runs._held()
    folder_of_runs._held.cache_clear()


class TestCommandLine:
    SMALL = "--units 8 --batch 8 --n-critic 1"

    @pytest.fixture(autouse=True)
    def here(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

    def test_train_resume_and_sample(self):
        result = cli(
            f"gan train --data mnist --classes 7 --loss wgan-gp --steps 6 {self.SMALL} --out runs/seven"
        )
        assert result.exit_code == 0, result.output
        assert "W1 by the critic" in result.stdout
        assert "856 points of shape (28, 28)" in result.stderr
        assert "step 6/6: W1" in result.stderr
        config = json.loads(Path("runs/seven/config.json").read_text())["config"]
        assert config["generator"]["widths"] == config["critic"]["widths"] == [8]
        again = cli("gan train --resume runs/seven")
        assert again.exit_code == 0, again.output
        assert "nothing was left to do: all 6 steps are done" in again.stderr
        assert cli("gan sample runs/seven --out s.png -n 9").exit_code == 0
        with Image.open("s.png") as sheet:
            assert sheet.size == (3 * 56, 3 * 56)
        assert cli("gan sample runs/seven --out s.npy -n 9").exit_code == 0
        assert np.load("s.npy").shape == (9, 784)

    def test_by_class_with_convolutions_in_pieces(self):
        line = "gan train --data mnist --classes 3,7 --conditional --critic dcgan --channels 4"
        result = cli(f"{line} --accumulate 2 --autocast --steps 2 {self.SMALL} --out r")
        assert result.exit_code == 0, result.output
        config = json.loads(Path("r/config.json").read_text())["config"]
        assert (config["conditional"], config["accumulate"], config["autocast"]) == (True, 2, True)
        assert config["critic"] == {
            "kind": "DCGANCritic",
            "width": 4,
            "norm": "none",
            "activation": "leaky_relu",
        }
        again = cli("gan train --resume r --steps 3")
        assert again.exit_code == 2  # steps are part of the config: resume says what differs
        assert cli("gan train --resume r").exit_code == 0
        assert cli("gan sample r --label 7 --out s.npy -n 5").exit_code == 0
        assert np.load("s.npy").shape == (5, 784)
        refused = cli("gan sample r --label 4 --out s.npy")
        assert refused.exit_code == 2
        assert "its classes are 3, 7" in " ".join(refused.stderr.split())

    def test_a_dry_run_writes_nothing(self):
        result = cli(f"gan train --data ring --steps 100 {self.SMALL} --out runs/x --dry-run")
        assert result.exit_code == 0, result.output
        assert "ms a step" in result.stdout
        assert os.listdir() == []

    def test_a_dry_run_of_a_run_that_goes_on_counts_what_is_left_and_trains_nothing(self):
        result = cli(f"gan train --data ring --steps 6 {self.SMALL} --out r")
        assert result.exit_code == 0, result.output
        before = {path: path.read_bytes() for path in Path("r").rglob("*") if path.is_file()}
        said = cli("gan train --resume r --dry-run")
        assert "0 of 6 left: 0 s in all; nothing was written" in said.stdout
        for option, text in (("--batch 7", "batch was 8 and is 7"), ("--seed 5", "seed was 0 and is 5")):
            refused = cli(f"gan train --resume r --dry-run {option}")
            assert refused.exit_code == 2
            assert text in refused.stderr
        assert {path: path.read_bytes() for path in Path("r").rglob("*") if path.is_file()} == before

    def test_a_rule_that_can_end_nothing_is_told(self):
        line = f"gan train --data ring --steps 30 {self.SMALL} --stop --evaluate-every"
        said = " ".join(cli(f"{line} 3 --out r").stderr.split())
        assert "waits for 15 evaluations, and there are 10 in 30 steps; judge every 1 steps, or keep" in said
        assert "waits for" not in cli(f"{line} 2 --out s").stderr

    def test_a_dry_run_shows_a_field_of_the_config_a_line(self):
        said = cli(f"gan train --data ring --steps 100 {self.SMALL} --dry-run").stdout.splitlines()
        fields = dict(text.strip().split(maxsplit=1) for text in said if text.startswith("  "))
        config = gan.preset("wgan-gp", gan.Data("ring"))
        assert list(fields) == [f.name for f in dataclasses.fields(config)]
        assert fields["constraint"] == repr(config.constraint)
        assert fields["steps"] == "100"

    def test_a_dry_run_counts_evaluations(self, monkeypatch):
        judge = gan.Evaluator.__call__

        def slow(self, generator):
            time.sleep(0.5)
            return judge(self, generator)

        monkeypatch.setattr(gan.Evaluator, "__call__", slow)
        np.save("x.npy", POINTS)
        line = f"gan train --data x.npy --steps 100 {self.SMALL} --dry-run"
        looked = cli(f"{line} --evaluate-every 2 --stop").stdout.replace("\n", " ")
        assert "s an evaluation, of which there are 50: " in looked
        assert "in all if nothing ends it before; nothing was written" in looked
        seconds = [float(re.search(r"(\d+) s in all", said)[1]) for said in (looked, cli(line).stdout)]
        assert seconds[0] >= 25 > seconds[1]

    def test_lists_and_rates_are_read(self):
        result = cli("gan train --data ring --loss wgan --lr 0.003 --units 7,9 --latent 5 --steps 1 --out r")
        assert result.exit_code == 0, result.output
        config = json.loads(Path("r/config.json").read_text())["config"]
        assert config["generator"] == {
            "kind": "MLPGenerator",
            "widths": [7, 9],
            "latent": 5,
            "activation": "relu",
            "norm": "none",
            "codes": 0,
        }
        assert config["critic_optimizer"] == config["generator_optimizer"] == {"kind": "RMSprop", "lr": 0.003}

    @pytest.mark.parametrize("command", ["train", "doctor"])
    def test_help_names_every_net(self, command):
        said = " ".join(cli(f"gan {command} --help").stdout.split())
        for name in {*GENERATORS, *CRITICS}:
            assert name in said

    def test_help_says_where_a_run_goes_and_how_one_begins_from_another(self):
        said = cli("gan train --help").stdout.replace("│", " ")
        words = " ".join(said.split())
        assert "[default: (runs/ and the name of the data; FOLDER-2 with --from)]" in words
        assert "--from FOLDER" in words

    @pytest.mark.parametrize(
        ("line", "text"),
        [
            ("train", "pass --data (mnist, ring, a folder, ...) to begin a run, or --resume FOLDER"),
            (
                "train --resume r --data ring",
                "--resume takes data, loss, rules and folder from the run; drop --data",
            ),
            ("train --resume r --from q", "--from begins another from its nets; drop one of them"),
            (
                "train --from r --data ring --loss wgan",
                "--from takes data, loss and rules from the run; drop --data and",
            ),
            ("train --from r", "r holds no run of `wdist gan train`"),
            ("train --resume r", "r holds no run of `wdist gan train`"),
            ("train --data ring --generator gru", "--generator is 'gru'; choose one of mlp, dcgan, residual"),
            ("train --data ring --channels 8", "--channels: MLPGenerator and MLP have no width; drop it"),
            (
                "train --data mnist --generator dcgan --critic patches --units 8",
                "--units: DCGANGenerator and PatchCritic have no widths; drop it, or choose other nets",
            ),
            ("train --data ring --units a", "--units is 'a'; pass whole numbers, such as 100,100"),
            ("train --data ring --generator dcgan", "and a point has shape (2,); use gan.MLPGenerator"),
            ("train --data mnist --classes 11", "there is no class 11"),
            (
                "train --data ring --loss wgan-orthonormal --lr 1",
                "--lr: this loss's critic has a rate of its own",
            ),
            (
                "train --data ring --tensorboard --steps 1",
                "--tensorboard needs the extra: pip install 'wdist[gan]'",
            ),
            ("sample none", "none: there is no such generator"),
            ("sample none --out s.jpg", "name a .png or a .npy"),
        ],
    )
    def test_refusals(self, line, text, monkeypatch):
        import sys

        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
        result = cli(f"gan {line}")
        assert result.exit_code == 2, result.output
        assert text in result.stderr

    def test_a_resumed_run_keeps_its_config(self):
        cli(f"gan train --data ring --steps 3 {self.SMALL} --out r")
        result = cli("gan train --resume r --n-critic 4")
        assert result.exit_code == 2
        assert "n_critic was 1 and is 4" in result.stderr

    def test_so_it_does_with_options_of_the_data_and_the_seed(self):
        begun = "--classes 7 --seed 5 --held-out 0.5"
        cli(f"gan train --data mnist {begun} --steps 1 {self.SMALL} --out r")
        assert cli(f"gan train --resume r {begun} --on-bad refuse").exit_code == 0
        other = "--classes 3 --seed 0 --held-out 0.2 --size 8 --mode RGBA --on-disk --labels f --on-bad skip"
        result = cli(f"gan train --resume r {other}")
        assert result.exit_code == 2
        for difference in (
            "data.classes was ['7'] and is ['3']",
            "data.labels was None and is f",
            "data.size was None and is 8",
            "data.on_bad was refuse and is skip",
            "data.held_out was 0.5 and is 0.2",
            "data.mode was None and is RGBA",
            "data.on_disk was False and is True",
            "seed was 5 and is 0",
        ):
            assert difference in result.stderr
        refused = cli("gan train --resume r --published --out q")
        assert refused.exit_code == 2
        assert "from the run; drop --published and --out" in refused.stderr

    @pytest.mark.parametrize("content", ["{}", "[]", '{"seed": 0, "config": {"kind": "WGANConfig"}}', "null"])
    @pytest.mark.parametrize("command", ["train --resume", "train --from", "evaluate", "nearest", "compare"])
    def test_a_config_that_says_nothing_is_refused(self, content, command):
        Path("r").mkdir()
        Path("r/config.json").write_text(content)
        result = cli(f"gan {command} r")
        assert result.exit_code == 2, result.output
        assert "config.json does not say what is trained" in result.stderr

    def test_after_a_nan_the_command_that_is_named_goes_on(self):
        small = f"{self.SMALL} --sample-every 0"
        assert cli(f"gan train --data ring --steps 3 --seed 4 {small} --out good").exit_code == 0
        ended = cli("gan train --from good --lr 1e8 --sample-every 0 --out 'too fast'")
        assert ended.exit_code == 1, ended.output
        assert "begun from the nets of good, step 3" in ended.stderr
        again = cli("gan train --resume 'too fast'")
        assert again.exit_code == 1, again.output  # resumed it comes to the same end
        named = re.search(r"(gan train --from .*) \(or --from an earlier", ended.stderr)[1]
        assert named == "gan train --from 'too fast' --lr 0.0001 --out 'too fast-2'"
        went = cli(f"{named} --sample-every 0")
        assert went.exit_code == 0, went.output
        written = json.loads(Path("too fast-2/config.json").read_text())
        assert written["from"] == {"run": str(Path("too fast").resolve()), "step": 0}
        assert (written["seed"], written["config"]["critic_optimizer"]["lr"]) == (4, 1e-4)
        assert (
            written["config"]["generator"]
            == json.loads(Path("good/config.json").read_text())["config"]["generator"]
        )
        assert [row["step"] for row in RunFolder(Path("too fast-2")).rows()] == [3]

    def test_a_critic_that_reads_what_cannot_be_is_doubted(self):
        line = f"gan train --data mnist --classes 7 --steps 6 {self.SMALL} --log-every 2 --sample-every 0"
        result = cli(f"{line} --lr 1e3 --out r")
        assert result.exit_code == 0, result.output
        assert result.stderr.count("its slope is not held, so this is no W1; take lower rates") == 1
        rows = RunFolder(Path("r")).rows()
        often = sum("doubt" in row for row in rows)
        assert f"at {often} of {len(rows)} logged steps it read more than W1 can be" in " ".join(
            result.stdout.split()
        )
        assert "its slope is not held" in rows[-1]["doubt"]
        at_most = float(re.search("W1 is at most about ([0-9.]+)", rows[-1]["doubt"])[1])
        assert 1 < at_most < 28 < rows[-1]["critic"]
        assert cli("report r --no-judge --out r.html").exit_code == 0
        assert f"at {often} of {len(rows)} logged steps the critic read more" in Path("r.html").read_text()
        for fine in ("--out s", "--lr 1e3 --loss wgan --out t", "--lr 1e3 --loss gan --out u"):
            result = cli(f"{line} {fine}")
            assert result.exit_code == 0, result.output
            assert "slope is not held" not in result.output + result.stderr

    def test_a_small_batch_alone_is_no_reason_to_doubt(self):
        """On the grid W1 is 3.7 at first, and the mean distance of four pairs is often less."""
        result = cli(
            "gan train --data grid --batch 4 --steps 30 --log-every 1 --sample-every 0 --units 64,64 --out r"
        )
        assert result.exit_code == 0, result.output
        assert not any("doubt" in row for row in RunFolder(Path("r")).rows())

    def test_nets_that_saw_what_would_be_held_out_begin_no_run(self):
        np.save("x.npy", POINTS)
        cli(f"gan train --data x.npy --steps 2 {self.SMALL} --out a")
        for option in ("--held-out 0.4", "--seed 3"):
            result = cli(f"gan train --from a {option} --steps 2 --out b")
            leaks = option.startswith("--held-out")
            assert result.exit_code == (2 if leaks else 0), result.output
            assert (
                "its nets have seen points that would be held out" in " ".join(result.stderr.split())
            ) == leaks
        np.save("x.npy", POINTS[:-3])
        refused = cli("gan train --from a --steps 2 --out c")
        assert refused.exit_code == 2
        assert "the data are not those that a was trained on (points was" in " ".join(refused.stderr.split())

    @pytest.fixture
    def read_only(self, monkeypatch):
        """A folder "r" in which nothing can be written or removed, also for who may do anything."""
        cli(f"gan train --data ring --steps 1 {self.SMALL} --out r")
        whole = os.open, io.open, os.unlink

        def refuse(path):
            if isinstance(path, (str, os.PathLike)) and Path(path).parent.name == "r":
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

        def opened(path, mode="r", *args, **more):
            if set(mode) & set("wax+"):
                refuse(path)
            return whole[1](path, mode, *args, **more)

        def unlinked(path, *args, **more):
            refuse(path)
            whole[2](path, *args, **more)

        monkeypatch.setattr(io, "open", opened)
        monkeypatch.setattr("builtins.open", opened)
        monkeypatch.setattr(os, "unlink", unlinked)

    @pytest.mark.parametrize(
        ("line", "what"),
        [
            ("train --resume r", "r cannot be written to"),
            ("sample r --out r/x.png", "r/x.png cannot be written"),
            ("sample r --out r/x.npy", "r/x.npy cannot be written"),
        ],
    )
    def test_a_folder_that_is_read_only_is_refused_in_words(self, line, what, read_only):
        result = cli(f"gan {line}")
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.stderr
        assert f"{what} (Read-only file system); choose another" in result.stderr

    def test_runs_are_judged_side_by_side_and_the_better_one_comes_first(self):
        for name, steps in (("short", 1), ("long", 120)):
            nets = "--units 32 --batch 32 --n-critic 2 --loss wgan-lp --lr 0.005"
            result = cli(f"gan train --data ring --steps {steps} {nets} --out {name}")
            assert result.exit_code == 0, result.output
        result = cli("gan compare short long --json")
        assert result.exit_code == 0, result.output
        found = json.loads(result.stdout)
        assert found["long"]["debiased"] < 0.8 * found["short"]["debiased"]
        shown = cli("gan compare short long").stdout
        assert shown.index("long") < shown.index("short")
        one = json.loads(cli("gan evaluate long --json").stdout)
        assert one["long"] == found["long"]
        cli(f"gan train --data grid --steps 1 {self.SMALL} --out other")
        Path("stray").mkdir()
        Path("empty").mkdir()
        Path("empty/config.json").write_text("{}")
        begin(RunFolder(Path("begun")), gan.preset("wgan-gp", gan.Data("ring")))  # and has no checkpoint yet
        beside = cli("gan compare stray short empty begun long --json")
        assert json.loads(beside.stdout) == found
        assert [line.split()[4] for line in beside.stderr.splitlines()] == ["stray", "empty", "begun"]
        assert beside.stderr.count("warning: left out: ") == 3
        alone = cli("gan compare stray empty")
        assert (alone.exit_code, "stray holds no run" in alone.stderr) == (2, True)
        refused = cli("gan compare long other")
        assert refused.exit_code == 2
        said = "these runs were trained on different data (long: name='ring'; other: name='grid'); compare runs on"
        assert said in refused.stderr

    def test_runs_on_unlike_data_are_told_apart_by_what_differs(self):
        def begun(name, data):
            folder = RunFolder(Path(name))
            folder.make()
            folder.write(folder.config, {"seed": 0, "config": described(tiny(data))})

        begun("all", "mnist")
        begun("alike", gan.Data("mnist"))
        begun("seven", gan.Data("mnist", classes=(7,)))
        begun("half", gan.Data("mnist", held_out=0.5))
        refused = cli("gan compare all seven alike half").stderr
        assert (
            "(all, alike: classes=(), held_out=0.2; seven: classes=('7',), held_out=0.2; half: classes=(), "
            "held_out=0.5); compare" in refused
        )
        assert "not finished" in cli("gan compare all alike").stderr  # which have the same data
