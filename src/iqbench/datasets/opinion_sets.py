"""KonIQ-10k, SPAQ, KADID-10k, TID2013 and LIVE in the Wild: the lists of these sets, and where their photos are."""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from iqbench.datasets.photo_names import display_name
from iqbench.datasets.score_formats import matlab_array, read_tid, read_workbook
from iqbench.datasets.score_list import ScoreList, read_scores
from iqbench.datasets.scored import ScoredPhotos
from iqbench.errors import UsageError
from iqbench.interfaces import ClusterChoice
from iqbench.paths import absolute


class OpinionSet(ScoredPhotos):
    """A published set in its own layout: a list of scores, and a folder of photos.

    The case of file names does not count, since lists and archives of TID2013 differ in it.

    Args:
        root: The folder of the set.
        images: The folder of its photos, relative to ``root``.
        score_list: The list, relative to ``root``.
        cache: See `iqbench.datasets.labelled.LabelledPhotos`.
        limit: See `iqbench.datasets.labelled.LabelledPhotos`.
        seed: See `iqbench.datasets.labelled.LabelledPhotos`.
        cluster: See `iqbench.datasets.labelled.LabelledPhotos`.
    """

    home: ClassVar[str]
    """Where the set comes from."""

    def __init__(
        self,
        root: str | None,
        images: str,
        score_list: str,
        cache: str | None,
        limit: int | None,
        seed: int,
        cluster: ClusterChoice = "series",
    ) -> None:
        super().__init__(cache, limit, seed, cluster)
        self.root = root
        self.images = images
        self.score_list = score_list

    @cached_property
    def folder(self) -> Path:
        """The folder of the set.

        Raises:
            UsageError: If it is not set, or no folder.
        """
        if not self.root:
            raise self._missing("data.root is not set")
        folder = absolute(str(self.root), "data.root")
        if not folder.is_dir():
            raise self._missing(f"data.root={self.root}: no such folder")
        return folder

    @property
    def list_file(self) -> Path:
        """The list of scores.

        Raises:
            UsageError: If it is missing.
        """
        file = self.folder / self.score_list
        if not file.exists():
            raise self._missing(f"data.score_list={self.score_list}: {file} is missing")
        return file

    def paths(self, names: Sequence[str]) -> Sequence[tuple[str, Path]]:
        """Return the name and the path of each photo; a photo that is not there has the path from the list."""
        folder = self.folder / self.images
        try:
            on_disk = {name.lower(): name for name in sorted(os.listdir(folder))}  # noqa: PTH208 - names are enough
        except OSError:
            on_disk = {}
        return [(display_name(name), folder / on_disk.get(name.lower(), name)) for name in names]

    def _missing(self, problem: str) -> UsageError:
        return UsageError(
            f"{problem}. Get {self.title} from {self.home} and give the folder that holds {self.score_list} and "
            f"{self.images}/ as data.root=DIR"
        )


class Koniq(OpinionSet):
    """KonIQ-10k: 10,073 photos, with the official split; a score is the MOS of the list, from 1 to 100.

    The list has the standard deviation of the opinions on their scale from 1 to 5, which is not that of the score.

    Reference:
        Hosu, Lin, Sziranyi and Saupe, *KonIQ-10k*, IEEE TIP 2020.
    """

    title = "KonIQ-10k"
    home = "https://database.mmsp-kn.de/koniq-10k-database.html"
    evaluated_on: ClassVar[str] = "test"

    def scores(self) -> ScoreList:
        """Return the list of scores; see `ScoredPhotos.scores`."""
        return read_scores(self.list_file, {"photo": "image_name", "score": "MOS", "sd": "", "split": "set"})


class Spaq(OpinionSet):
    """SPAQ: 11,125 photos of smartphones with a MOS from 0 to 100.

    Its list is a workbook, which needs openpyxl; the same sheet saved as CSV beside it needs nothing.

    Reference:
        Fang, Zhu, Zeng, Ma and Wang, *Perceptual quality assessment of smartphone photography*, CVPR 2020.
    """

    title = "SPAQ"
    home = "https://github.com/h4nwei/SPAQ"
    columns: ClassVar[Mapping[str, str]] = {"photo": "Image name", "score": "MOS", "sd": "", "split": ""}

    def scores(self) -> ScoreList:
        """Return the list of scores; see `ScoredPhotos.scores`."""
        as_csv = (self.folder / self.score_list).with_suffix(".csv")
        if as_csv.exists():
            return read_scores(as_csv, self.columns)
        return read_workbook(self.list_file, self.columns)


class Kadid(OpinionSet):
    """KADID-10k: 81 photos, each damaged in 25 ways at 5 levels: 10,125 photos of 81 contents.

    The column ``dmos`` counts quality, from 1 to 5, and ``var`` is the standard deviation of the ratings: the first
    row, 4.57 with 0.496 of 30 ratings, is that of 17 fives and 13 fours.

    Reference:
        Lin, Hosu and Saupe, *KADID-10k: A large-scale artificially distorted IQA database*, QoMEX 2019.
    """

    title = "KADID-10k"
    home = "https://database.mmsp-kn.de/kadid-10k-database.html"

    def scores(self) -> ScoreList:
        """Return the list of scores; see `ScoredPhotos.scores`."""
        columns = {"photo": "dist_img", "score": "dmos", "sd": "var", "reference": "ref_img", "split": ""}
        return read_scores(self.list_file, columns, higher_is_better=True)


class Tid2013(OpinionSet):
    """TID2013: 25 pictures, each damaged in 24 ways at 5 levels: 3,000 photos with a MOS from 0 to 9.

    Reference:
        Ponomarenko et al., *Image database TID2013: Peculiarities, results and perspectives*, Signal Processing: Image
        Communication 2015.
    """

    title = "TID2013"
    home = "https://www.ponomarenko.info/tid2013.htm"

    def scores(self) -> ScoreList:
        """Return the list of scores; see `ScoredPhotos.scores`."""
        return read_tid(self.list_file)


class LiveInTheWild(OpinionSet):
    """LIVE in the Wild Image Quality Challenge: 1,162 photos with a MOS from 0 to 100, read from its MATLAB files.

    The first seven photos of the lists were shown to train the voters and lie in another folder: they are left out.

    Reference:
        Ghadiyaram and Bovik, *Massive online crowdsourced study of subjective and objective picture quality*, IEEE TIP
        2016.
    """

    title = "LIVE in the Wild"
    home = "https://live.ece.utexas.edu/research/ChallengeDB/"
    training_photos: ClassVar[int] = 7

    def scores(self) -> ScoreList:
        """Return the list of scores; see `ScoredPhotos.scores`."""
        folder = self.list_file.parent
        names = [str(cell[0]) for cell in matlab_array(folder / "AllImages_release.mat", "AllImages_release").ravel()]
        means, spreads = (
            matlab_array(folder / f"{stem}.mat", stem).ravel().astype(np.float64)
            for stem in ("AllMOS_release", "AllStdDev_release")
        )
        if not len(names) == len(means) == len(spreads) or len(names) <= self.training_photos:
            raise UsageError(
                f"{folder}: its files hold {len(names)}, {len(means)} and {len(spreads)} entries; get them again"
            )
        if not (np.isfinite(means).all() and len(set(names)) == len(names)):
            raise UsageError(f"{folder}: a score is no number, or a photo is listed twice; get the files again")
        rest = slice(self.training_photos, None)
        return ScoreList(names[rest], means[rest], spreads[rest])
