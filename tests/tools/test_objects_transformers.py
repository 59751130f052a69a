"""Detectors of transformers over tiny checkpoints in each family's genuine format."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models.objects import DESCRIBED, KNOWN, NAMES, folder, renamed
from vagent.configs import Settings, load
from vagent.errors import EngineFailed, EngineUnavailable
from vagent.tools.objects import Detection, Image
from vagent.tools.objects.loaded import Detector
from vagent.tools.objects.transformers import TransformersObjects

DESCRIPTIONS = ("a red umbrella", "the dog on the left", "a green person")
Maker = Callable[..., TransformersObjects]


@pytest.fixture(scope="session")
def folders() -> dict[str, Path]:
    """A checkpoint of each family."""
    return {name: folder(name) for name in (*KNOWN, *DESCRIBED)}


def configured(known: Path | None = None, described: Path | None = None, **values: Any) -> Settings:
    objects = {"model": known and str(known), "find_model": described and str(described), "threshold": 0.3, **values}
    return load({"threads": 1, "device": "cpu", "objects": objects}, env={})


@pytest.fixture(params=KNOWN)
def known(request: pytest.FixtureRequest, folders: dict[str, Path]) -> TransformersObjects:
    return TransformersObjects(configured(folders[request.param]))


@pytest.fixture(params=DESCRIBED)
def described(request: pytest.FixtureRequest, folders: dict[str, Path]) -> TransformersObjects:
    return TransformersObjects(configured(described=folders[request.param], find=DESCRIPTIONS))


def pictures(count: int, size: tuple[int, int] = (90, 160)) -> list[Image]:
    luck = np.random.default_rng(0)
    return [luck.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(count)]


def assert_same(one: list[list[Detection]], other: list[list[Detection]]) -> None:
    assert [[d.label for d in found] for found in one] == [[d.label for d in found] for found in other]
    for a, b in zip(chain(*one), chain(*other), strict=True):
        assert a.confidence == pytest.approx(b.confidence, abs=1e-4)
        assert a.box == pytest.approx(b.box, abs=1e-3)


class TestKnownThings:
    def test_they_have_the_names_of_the_models_classes(self, known: TransformersObjects) -> None:
        found = known.detect(pictures(3))
        assert all(found)
        assert {d.label for each in found for d in each} <= set(NAMES) - {"N/A"}

    def test_boxes_lie_in_the_picture_and_the_surest_comes_first(self, known: TransformersObjects) -> None:
        for found in known.detect(pictures(3)):
            assert all(0 <= d.box[0] < d.box[2] <= 1 and 0 <= d.box[1] < d.box[3] <= 1 for d in found)
            assert [d.confidence for d in found] == sorted((d.confidence for d in found), reverse=True)

    def test_the_threshold_counts(self, known: TransformersObjects) -> None:
        (found,) = known.detect(pictures(1))
        middle = found[len(found) // 2].confidence
        settings = known.settings.model_copy(
            update={"objects": known.settings.objects.model_copy(update={"threshold": middle})}
        )
        (fewer,) = TransformersObjects(settings).detect(pictures(1))
        assert_same([fewer], [[d for d in found if d.confidence > middle]])
        assert fewer

    def test_company_in_a_batch_does_not_matter(self, known: TransformersObjects) -> None:
        images = [*pictures(3), *pictures(2, (120, 80))]
        assert_same(known.detect(images), [known.detect([image])[0] for image in images])

    def test_nothing_is_searched_in_no_pictures(self, known: TransformersObjects) -> None:
        assert known.detect([]) == []

    def test_names_are_read_from_the_checkpoint(self, folders: dict[str, Path], tmp_path: Path) -> None:
        copy = KNOWN["d_fine"](tmp_path)
        renamed(copy, dict(enumerate(["cat", "boat", "background", "kite"])))
        before = TransformersObjects(configured(folders["d_fine"])).detect(pictures(2))
        after = TransformersObjects(configured(copy)).detect(pictures(2))
        other = {"person": "cat", "car": "boat", "umbrella": "kite"}
        assert_same([[Detection(other[d.label], d.box, d.confidence) for d in found] for found in before], after)


class TestDescribedThings:
    def test_they_are_called_what_was_described(self, described: TransformersObjects) -> None:
        found = described.find(pictures(4), DESCRIPTIONS)
        assert all(found)
        assert {d.label for each in found for d in each} == set(DESCRIPTIONS)
        for each in found:
            assert all(0 <= d.box[0] < d.box[2] <= 1 and 0 <= d.box[1] < d.box[3] <= 1 for d in each)
            assert all(0.3 < d.confidence <= 1 for d in each)

    def test_company_in_a_batch_does_not_matter(self, described: TransformersObjects) -> None:
        images = pictures(5)
        one_by_one = [described.find([image], DESCRIPTIONS)[0] for image in images]
        assert_same(described.find(images, DESCRIPTIONS), one_by_one)

    def test_the_order_of_descriptions_changes_only_the_order(self, folders: dict[str, Path]) -> None:
        """OWL embeds each description alone; Grounding DINO's boxes see all of them, in their order."""
        engine = TransformersObjects(configured(described=folders["owlv2"], find=DESCRIPTIONS))
        assert_same(engine.find(pictures(2), DESCRIPTIONS), engine.find(pictures(2), DESCRIPTIONS[::-1]))

    def test_more_than_a_model_reads_at_once_is_looked_for(self, described: TransformersObjects) -> None:
        many = [f"a {a} {b} on the left" for a in ("red", "blue", "green") for b in ("dog", "umbrella", "person")]
        many += [f"{one} {extra}" for one in many for extra in ("a", "b", "c", "d on the left on the left of a dog")]
        found = described.find(pictures(2), many)
        assert {d.label for each in found for d in each} <= set(many)
        assert len({d.label for each in found for d in each}) > 1

    @pytest.mark.parametrize("odd", ["a dog. or a person?", "A  RED Dog", "東京", "dog\nperson", "..a dog"])
    def test_odd_descriptions_are_looked_for_as_one(self, described: TransformersObjects, odd: str) -> None:
        found = described.find(pictures(2), [odd, "a red umbrella"])
        assert {d.label for each in found for d in each} <= {odd, "a red umbrella"}

    def test_nothing_described_is_nothing_found(self, described: TransformersObjects) -> None:
        assert described.find(pictures(2), []) == [[], []]

    def test_a_box_belongs_to_the_words_that_fit_it_on_the_whole(self, folders: dict[str, Path]) -> None:
        """Two umbrellas share their surest token; the colour decides."""
        import torch

        engine = TransformersObjects(configured(described=folders["grounding_dino"], find=DESCRIPTIONS))
        processor, model = engine._described.load()
        texts = ["a red umbrella", "a blue umbrella"]
        ids = processor(text="a red umbrella. a blue umbrella.", images=pictures(1), return_tensors="pt")["input_ids"]
        words = processor.tokenizer.convert_ids_to_tokens(ids[0])
        score = {"umbrella": 3.0, "blue": 1.0, "red": -3.0}
        row = torch.tensor([score.get(word, -4.0) for word in words])

        class Fixed:
            logits = torch.full((1, 2, 256), -torch.inf)
            pred_boxes = torch.tensor([[[0.5, 0.5, 0.5, 0.5], [0.1, 0.1, 0.1, 0.1]]])

        Fixed.logits[0, 0, : len(words)] = row
        fixed = type("Model", (), {"config": model.config, "device": model.device, "__call__": lambda *a, **k: Fixed})()
        ((found,),) = engine._described.detections(processor, fixed, pictures(1), texts)
        assert found.label == "a blue umbrella"
        assert found.confidence == pytest.approx(torch.tensor(3.0).sigmoid().item(), abs=1e-5)
        assert found.box == (0.25, 0.25, 0.75, 0.75)


@pytest.mark.parametrize("family", [*KNOWN, *DESCRIBED])
class TestEveryFamily:
    def engine(self, folder: Path, family: str, **values: Any) -> tuple[TransformersObjects, Callable[..., Any]]:
        if family in KNOWN:
            made = TransformersObjects(configured(folder, **values))
            return made, made.detect
        made = TransformersObjects(configured(described=folder, find=DESCRIPTIONS, **values))
        return made, lambda images: made.find(images, DESCRIPTIONS)

    def test_the_model_is_shown_red_where_red_is(self, family: str, folders: dict[str, Path]) -> None:
        engine, run = self.engine(folders[family], family)
        model = (engine._known if family in KNOWN else engine._described).load()[1]
        seen: list[Any] = []
        handle = model.register_forward_pre_hook(lambda m, a, k: seen.append(k["pixel_values"]), with_kwargs=True)
        red = np.zeros((64, 96, 3), np.uint8)
        red[:, :, 2] = 255  # BGR
        run([red])
        handle.remove()
        means = seen[0][0].mean((1, 2))
        assert means[0] > means[1] + 0.5
        assert means[0] > means[2] + 0.5

    def test_mirrored_pictures_are_not_the_same(self, family: str, folders: dict[str, Path]) -> None:
        """What is found depends on the picture."""
        _, run = self.engine(folders[family], family)
        (image,) = pictures(1)
        one, other = run([image]), run([255 - image])
        assert [d.box for d in one[0]] != [d.box for d in other[0]]

    def test_pictures_are_left_as_they_are(self, family: str, folders: dict[str, Path]) -> None:
        _, run = self.engine(folders[family], family)
        (image,) = pictures(1)
        before = image.copy()
        image.setflags(write=False)
        first = run([image])
        assert np.array_equal(image, before)
        assert run([image]) == first

    def test_a_batch_that_is_too_large_is_halved(
        self, family: str, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import torch

        engine, run = self.engine(folders[family], family, batch=4)
        whole = run(pictures(5))
        sizes: list[int] = []
        kind = type(engine._known if family in KNOWN else engine._described)
        detections = kind.detections

        def crowded(self: Detector, processor: Any, model: Any, images: list[Image], described: list[str]) -> Any:
            sizes.append(len(images))
            if len(images) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return detections(self, processor, model, images, described)

        monkeypatch.setattr(kind, "detections", crowded)
        assert_same(run(pictures(5)), whole)
        assert sizes == [4, 2, 1, 1, 1, 1, 1]

    def test_two_threads_load_it_once(
        self, family: str, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loads: list[Path] = []
        read = Detector._read

        def counted(self: Detector, folder: Path) -> Any:
            loads.append(folder)
            return read(self, folder)

        monkeypatch.setattr(Detector, "_read", counted)
        engine, run = self.engine(folders[family], family)
        assert loads == []
        results: list[Any] = []
        threads = [threading.Thread(target=lambda: results.append(run(pictures(2)))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert loads == [folders[family]]
        assert results[0] == results[1] == results[2]
        engine.close()
        assert run(pictures(2)) == results[0]
        assert len(loads) == 2

    def test_a_damaged_checkpoint_is_an_error_in_a_line(self, family: str, tmp_path: Path) -> None:
        copy = {**KNOWN, **DESCRIBED}[family](tmp_path)
        weights = copy / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:2000])
        _, run = self.engine(copy, family)
        with pytest.raises((EngineFailed, EngineUnavailable)):
            run(pictures(1))

    def test_a_checkpoint_without_some_weights_is_refused(self, family: str, tmp_path: Path) -> None:
        from safetensors.torch import load_file, save_file

        copy = {**KNOWN, **DESCRIBED}[family](tmp_path)
        weights = copy / "model.safetensors"
        tensors = load_file(weights)
        lacking = next(name for name in tensors if "layers.0" in name and name.endswith("weight"))
        del tensors[lacking]
        save_file(tensors, weights, {"format": "pt"})
        _, run = self.engine(copy, family)
        with pytest.raises(EngineFailed, match=r"lack \d+ of the model's parts, .*layers\.0"):
            run(pictures(1))


class TestChoosing:
    def test_without_any_model_it_cannot_run_and_says_what_helps(self) -> None:
        status = TransformersObjects.check(configured())
        assert not status.ready
        assert status.fix

    def test_one_model_is_enough(self, folders: dict[str, Path]) -> None:
        known, found = folders["d_fine"], folders["owlv2"]
        assert TransformersObjects.check(configured(known)).ready
        assert not TransformersObjects.check(configured(described=found)).ready  # nothing is described
        assert TransformersObjects.check(configured(known, found, find=["a dog"])).fix is None
        only = configured(described=found, find=["a dog"])
        status = TransformersObjects.check(only)
        assert status.ready
        assert "only descriptions are looked for" in status.reason
        engine = TransformersObjects(only)
        assert (engine.detects, engine.finds.ready) == (False, True)
        assert engine.detect(pictures(2)) == [[], []]
        assert all(engine.find(pictures(2), ["a dog"]))

    def test_descriptions_without_a_model_for_them_are_an_error(self, folders: dict[str, Path]) -> None:
        settings = configured(folders["d_fine"], find=["a dog"])
        status = TransformersObjects.check(settings)
        assert status.ready
        assert "descriptions are not looked for" in status.reason
        assert status.fix
        engine = TransformersObjects(settings)
        assert not engine.finds.ready
        with pytest.raises(EngineUnavailable) as caught:
            engine.find(pictures(1), ["a dog"])
        assert caught.value.hint

    def test_the_revision_names_what_was_used(self, folders: dict[str, Path]) -> None:
        known, found = folders["d_fine"], folders["owlv2"]
        plain = TransformersObjects(configured(known, found)).revision
        both = TransformersObjects(configured(known, found, find=["a dog"])).revision
        other = TransformersObjects(configured(folders["rt_detr_v2"], found)).revision
        assert plain.startswith("transformers ")
        assert len({plain, both, other}) == 3
        assert both.startswith(plain)

    def test_a_model_of_another_kind_is_refused(self, folders: dict[str, Path]) -> None:
        with pytest.raises(EngineUnavailable, match="is not a model that finds things"):
            TransformersObjects(configured(folders["owlv2"])).detect(pictures(1))
        with pytest.raises(EngineUnavailable, match=r"is not a model that finds things|processor"):
            engine = TransformersObjects(configured(described=folders["d_fine"], find=["a dog"]))
            engine.find(pictures(1), ["a dog"])
