"""Fill a region of a photo with texture from the rest of it, by patches of a small copy of the photo."""

from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int
from numpy.lib.stride_tricks import sliding_window_view

from iqbench.degradations.semantic.masks import Mask, tiles_over
from iqbench.interfaces import Photo

PATCH = 7
"""Side of a patch, in pixels of the small copy."""

LONGEST_SIDE = 256
"""Longest side of the small copy in which patches are searched, in pixels."""

COARSEST_SIDE = 28
"""Shortest side of the coarsest copy, in pixels: a patch then covers a quarter of the picture."""

PASSES = (8, 6, 3, 2)
"""Rounds of search and vote, from the coarsest copy on; the last number holds for all finer ones."""

MIN_SOURCES = 64
"""Patches outside the region that a search needs."""

SEED = 0

Places = Int[np.ndarray, "n 2"]
Costs = Float32[np.ndarray, " n"]
Offsets = Int[np.ndarray, "height width 2"]
"""How far down and to the right of each pixel its match is."""


def fill(photo: Photo, region: Mask, forbidden: Mask) -> Photo:
    """Return the photo with a region filled from the rest of it.

    The region is first filled in a small copy: each patch that touches it takes the colours of the most similar patch
    of the surroundings, from coarse to fine (Wexler's completion with PatchMatch's search). Its broad colours are then
    those of the small copy, and its texture that of the full photo at the places that the patches came from. The
    search is seeded and compares whole numbers, so the same photo gives the same picture.

    Args:
        photo: The photo.
        region: The pixels to fill, a mask of the photo's size or smaller.
        forbidden: Further pixels that nothing is copied from, a mask of the same size.

    Reference:
        Wexler, Shechtman and Irani, *Space-time completion of video*, PAMI 2007; Barnes, Shechtman, Finkelstein and
        Goldman, *PatchMatch*, SIGGRAPH 2009; Telea, *An image inpainting technique based on the fast marching method*,
        2004, for the first guess.
    """
    height, width = photo.shape[:2]
    scale = min(1.0, LONGEST_SIDE / max(height, width))
    size = _shrunk(width, scale), _shrunk(height, scale)
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    hole, closed = (_reduced(mask, size) for mask in (region, region | forbidden))
    if not hole.any() or hole.all():
        return photo.copy()
    return _enlarged(photo, region, small, *_completed(small, hole, closed))


def _shrunk(side: int, scale: float) -> int:
    """Return the side of the small copy, at least that of a patch: `cv2.inpaint` fails in a single row."""
    return min(side, max(PATCH, round(side * scale)))


def _reduced(mask: Mask, size: tuple[int, int]) -> Mask:
    """Return a mask in which a pixel is set where any of its pixels was."""
    return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.01


def _completed(photo: Photo, hole: Mask, closed: Mask) -> tuple[Photo, Offsets | None]:
    """Return a small photo with its hole filled, and where each pixel was taken from; None if there are no patches."""
    filled, matches = _telea(photo, hole), None
    scales = list(_scales(photo.shape[:2]))
    generator = np.random.default_rng(SEED)
    for number, size in enumerate(scales):
        picture = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
        empty, shut = (_reduced(mask, size) for mask in (hole, closed))
        guess = cv2.resize(filled, size, interpolation=cv2.INTER_LINEAR if number else cv2.INTER_AREA)
        picture = np.where(empty[..., None], guess, picture)
        search = _Search(empty, shut, generator)
        if search.is_possible:
            passes = PASSES[min(number, len(PASSES) - 1)]
            filled, matches = search.run(picture, matches, passes)
        else:
            filled = picture
    return filled, matches


def _scales(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Yield the sizes (width, height) from the coarsest to the full one."""
    height, width = shape
    halvings = max(0, int(np.log2(min(height, width) / COARSEST_SIDE)))
    for halving in range(halvings, -1, -1):
        yield max(1, width >> halving), max(1, height >> halving)


def _telea(photo: Photo, hole: Mask) -> Photo:
    return np.asarray(cv2.inpaint(photo, hole.astype(np.uint8), 3, cv2.INPAINT_TELEA))


class _Search:
    """The search of one scale: which patch outside is most similar to each patch that touches the hole.

    Args:
        hole: The pixels to fill.
        closed: The pixels that nothing is copied from; they include the hole.
        generator: The random numbers of the search.
    """

    def __init__(self, hole: Mask, closed: Mask, generator: np.random.Generator) -> None:
        reach, square = PATCH // 2, np.ones((PATCH, PATCH), np.uint8)
        self.hole, self.generator = hole, generator
        inside = np.zeros(hole.shape, bool)
        if min(hole.shape) > 2 * reach:
            inside[reach:-reach, reach:-reach] = True
        self.targets: Places = np.argwhere(cv2.dilate(hole.astype(np.uint8), square).astype(bool) & inside)
        self.is_source: Mask = inside & ~cv2.dilate(closed.astype(np.uint8), square).astype(bool)
        self.sources: Places = np.argwhere(self.is_source)
        self.row_of = np.full(hole.shape, -1, dtype=np.int64)
        self.row_of[tuple(self.targets.T)] = np.arange(len(self.targets))

    @property
    def is_possible(self) -> bool:
        """True if there is something to fill, and enough to fill it from."""
        return len(self.targets) > 0 and len(self.sources) >= MIN_SOURCES

    def run(self, picture: Photo, coarse: Offsets | None, passes: int) -> tuple[Photo, Offsets]:
        """Return the picture with its hole filled, and the offsets of the matches, from those of a coarser scale."""
        matches = self._start(coarse)
        for number in range(passes):
            patches = _Patches(picture, self.targets)
            costs = patches.costs(matches)
            matches, costs = self._propagated(patches, matches, costs)
            matches, costs = self._searched(patches, matches, costs)
            picture = self._voted(picture, matches, costs, last=number == passes - 1)
        offsets = np.zeros((*self.hole.shape, 2), dtype=np.int32)
        offsets[tuple(self.targets.T)] = matches - self.targets
        reach = PATCH // 2  # pixels at the border have no patch of their own: they move with the nearest one
        return picture, np.pad(offsets[reach:-reach, reach:-reach], ((reach, reach), (reach, reach), (0, 0)), "edge")

    def _start(self, coarse: Offsets | None) -> Places:
        drawn = self.sources[self.generator.integers(len(self.sources), size=len(self.targets))]
        if coarse is None:
            return drawn
        rows = np.minimum(self.targets[:, 0] // 2, coarse.shape[0] - 1)
        columns = np.minimum(self.targets[:, 1] // 2, coarse.shape[1] - 1)
        moved = self.targets + 2 * coarse[rows, columns]
        return np.where(self._valid(moved)[:, None], moved, drawn)

    def _valid(self, places: Places) -> Bool[np.ndarray, "n"]:
        height, width = self.hole.shape
        rows, columns = places.T
        in_frame = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        valid: Bool[np.ndarray, n] = (
            in_frame & self.is_source[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]
        )
        return valid

    def _propagated(self, patches: "_Patches", matches: Places, costs: Costs) -> tuple[Places, Costs]:
        """Try what the neighbours found, moved by one pixel, at growing distances."""
        height, width = self.hole.shape
        for step in (4, 1):
            for move in ((0, step), (0, -step), (step, 0), (-step, 0)):
                near = self.targets - move
                rows, columns = np.clip(near[:, 0], 0, height - 1), np.clip(near[:, 1], 0, width - 1)
                neighbour = self.row_of[rows, columns]
                candidate = np.where((neighbour >= 0)[:, None], matches[neighbour] + move, matches)
                matches, costs = self._better(patches, matches, costs, candidate)
        return matches, costs

    def _searched(self, patches: "_Patches", matches: Places, costs: Costs) -> tuple[Places, Costs]:
        """Try places at random around the matches, nearer and nearer."""
        radius = max(self.hole.shape)
        while radius >= 1:
            moves = self.generator.integers(-radius, radius + 1, size=matches.shape)
            matches, costs = self._better(patches, matches, costs, matches + moves)
            radius //= 3
        return matches, costs

    def _better(self, patches: "_Patches", matches: Places, costs: Costs, candidate: Places) -> tuple[Places, Costs]:
        candidate = np.where(self._valid(candidate)[:, None], candidate, matches)
        cost = patches.costs(candidate)
        better = cost < costs
        return np.where(better[:, None], candidate, matches), np.where(better, cost, costs)

    def _voted(self, picture: Photo, matches: Places, costs: Costs, last: bool) -> Photo:
        """Return the picture with each pixel of the hole as the mean of what the patches over it show there."""
        typical = max(1.0, float(np.percentile(costs, 75)))
        weights = np.exp(-np.minimum(costs / typical, 20.0) * (4.0 if last else 1.0)) + 1e-9
        width, reach = self.hole.shape[1], PATCH // 2
        colours, to, of = picture.reshape(-1, 3), _flat(self.targets, width), _flat(matches, width)
        sums, total = np.zeros(colours.shape), np.zeros(len(colours))
        for down in range(-reach, reach + 1):
            for right in range(-reach, reach + 1):
                move = down * width + right
                sums[to + move] += weights[:, None] * colours.take(of + move, axis=0)
                total[to + move] += weights
        shown = self.hole.reshape(-1) & (total > 0)
        result = colours.copy()
        result[shown] = np.clip(np.rint(sums[shown] / total[shown][:, None]), 0, 255)
        return result.reshape(picture.shape)


def _flat(places: Places, width: int) -> Int[np.ndarray, " n"]:
    """Return places as positions in a picture that is one long row."""
    return np.asarray(places[:, 0] * width + places[:, 1])


class _Patches:
    """The patches of a picture, those that are compared first.

    Args:
        picture: The picture.
        targets: The middle of each patch that a match is looked for.
    """

    def __init__(self, picture: Photo, targets: Places) -> None:
        view = sliding_window_view(picture, (PATCH, PATCH), axis=(0, 1)).transpose(0, 1, 3, 4, 2)
        self._width = view.shape[1]
        self._all = view.astype(np.float32, order="C").reshape(view.shape[0] * view.shape[1], -1)
        self._targets = self._all[self._row(targets)]
        self._buffer = np.empty_like(self._targets)

    def costs(self, matches: Places) -> Costs:
        """Return the sum of squared differences of each target and its match; exact, being below 2^24."""
        np.take(self._all, self._row(matches), axis=0, out=self._buffer, mode="clip")
        difference = np.subtract(self._targets, self._buffer, out=self._buffer)
        return np.asarray(np.einsum("ij,ij->i", difference, difference))

    def _row(self, places: Places) -> Int[np.ndarray, " n"]:
        return _flat(places - PATCH // 2, self._width)


def _enlarged(photo: Photo, region: Mask, small: Photo, completed: Photo, offsets: Offsets | None) -> Photo:
    """Return the photo with the region filled: colours of the small copy, and texture of where they come from."""
    height, width = photo.shape[:2]
    colours, broad = (cv2.resize(copy, (width, height), interpolation=cv2.INTER_CUBIC) for copy in (completed, small))
    result, pixels, broad = photo.copy(), photo.reshape(-1, 3), broad.reshape(-1, 3)
    shifts = None if offsets is None else np.rint(offsets * (height / small.shape[0], width / small.shape[1]))
    cells = tuple(_cells(length, size) for length, size in zip(small.shape[:2], (height, width), strict=True))
    for tile, weight in tiles_over(region, height, width):
        values = colours[tile].astype(np.int16)
        if shifts is not None:
            shift = shifts[cells[0][tile[0]][:, None], cells[1][tile[1]]].astype(np.int64)
            rows = np.clip(np.arange(height)[tile[0]][:, None] + shift[..., 0], 0, height - 1)
            columns = np.clip(np.arange(width)[tile[1]] + shift[..., 1], 0, width - 1)
            source = rows * width + columns
            values += pixels.take(source, axis=0)
            values -= broad.take(source, axis=0)
        inside = weight > 0.5
        result[tile][inside] = np.clip(values[inside], 0, 255).astype(np.uint8)
    return result


def _cells(length: int, size: int) -> Int[np.ndarray, " size"]:
    """Return the pixel of the small copy that each row or column of the photo lies in."""
    return np.asarray(np.rint(np.clip((np.arange(size) + 0.5) * (length / size) - 0.5, 0, length - 1)).astype(np.intp))
