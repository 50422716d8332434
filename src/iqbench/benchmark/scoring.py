"""Work that a job does alone, or together with other jobs that judge the same photos."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from typing import Protocol

from iqbench.benchmark.pairs import PairScorer, ScoredPhoto
from iqbench.benchmark.task import BenchmarkTask
from iqbench.inference.autotuning import share_cores
from iqbench.inference.worker import PreparedPhoto
from iqbench.interfaces import PhotoFile, RemembersAnswers
from iqbench.progress import track


class Work(Protocol):
    """A part of a job. Jobs that judge the same photos may do it together; what is left, each does alone."""

    task: BenchmarkTask

    def alone(self) -> None:
        """Do what is left."""
        ...


class Scoring:
    """Photos that a model has to score, and what becomes of each scored photo.

    Args:
        task: The model, the photos to score, their variants and the engine config.
        receive: Called with each scored photo, in the order of the photos.
        description: The text beside the progress bar, None for no bar.
        asking_again: Whether a model that remembers its answers is asked anew.
        resized: Called with the size of the batches before and after it fell, for want of memory.
    """

    def __init__(
        self,
        task: BenchmarkTask,
        receive: Callable[[ScoredPhoto], None],
        description: str | None = None,
        asking_again: bool = False,
        resized: Callable[[int, int], None] | None = None,
    ) -> None:
        self.task = task
        self._asks_again = asking_again
        self.description = description
        self._receive, self._resized = receive, resized
        self._missing = {file.name: file for file in task.files}
        self._scorer: PairScorer | None = None

    @property
    def name(self) -> str:
        """The name of the model, for messages."""
        return self.description or type(self.task.model).__name__

    @property
    def files(self) -> Sequence[PhotoFile]:
        """The photos that are not scored yet."""
        return list(self._missing.values())

    def lacks(self, file: PhotoFile) -> bool:
        """Return whether a photo is not scored yet."""
        return file.name in self._missing

    def put(self, prepared: PreparedPhoto) -> None:
        """Score a prepared photo; it may wait for others to fill a batch."""
        if self._scorer is None:
            self._scorer = PairScorer(self.task)
        with self._asking(), self._scorer.batcher:
            for photo in self._scorer.put(prepared):
                self._take(photo)

    def flush(self) -> None:
        """Score the photos that wait."""
        if self._scorer is not None:
            with self._asking(), self._scorer.batcher:
                for photo in self._scorer.finish():
                    self._take(photo)

    def alone(self) -> None:
        """Prepare and score the photos that are not scored yet, for this model alone."""
        self.flush()
        if not (files := self.files):
            return
        engine = share_cores(self.task.engine, self.task.model, files, self.task.variants)
        self.task = replace(self.task, engine=engine)
        self._scorer = PairScorer(self.task.with_files(files))
        with self._asking(), closing(self._scorer.scored()) as scored:
            for photo in scored if self.description is None else track(scored, self.description, len(files)):
                self._take(photo)

    def _asking(self) -> AbstractContextManager[None]:
        model = self.task.model
        return model.asking_again() if self._asks_again and isinstance(model, RemembersAnswers) else nullcontext()

    def _take(self, photo: ScoredPhoto) -> None:
        del self._missing[photo.record.name]
        self._receive(photo)
        self._note_batch_size()

    def _note_batch_size(self) -> None:
        """Keep the size of the batches if it has fallen, and tell."""
        before = int(self.task.engine.batch_size)
        if self._scorer is None or (size := self._scorer.batcher.size) >= before:
            return
        self.task = replace(self.task, engine=replace(self.task.engine, batch_size=size))
        if self._resized is not None:
            self._resized(before, size)
