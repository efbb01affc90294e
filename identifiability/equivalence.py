r"""The equivalence class of a steering vector under what is observed.

For an affine continuation the class of v is v + ker J (theory.md N1); for a smooth one that is its
tangent space (N2); at tolerance epsilon the kernel is replaced by the directions whose quadratic
divergence at the given radius stays within epsilon (N7). With P the projection on the kernel,

.. math:: v = a + b, \quad b = Pv, \qquad [v] = \{a + n : n \in \ker J\}.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.exact import exact_rank
from identifiability.regime import SINGLE_LAYER
from identifiability.spectrum import Spectrum, dense, entry_error, is_metric
from identifiability.validation import as_flag, as_matrix, as_number, as_vector, moderate
from identifiability.verdict import Certificate, CertificateKind, Report, Verdict, Witness

_EXACT_ENTRIES = (
    2000  # exact rank of as many doubles, 50-bit integers, takes a fraction of a second
)
SHORTEST = 1e-150
"""Largest entry of the shortest vector whose squares float64 holds with all their digits."""
_ANGLE = 1e-9  # radians; two directions closer than this are the same in what follows


class EquivalenceClass:
    """All vectors that an observation cannot tell from v, to first order or within epsilon.

    Parameters
    ----------
    operator
        (M, d) Jacobian stack, or a symmetric (d, d) metric; an operator or an array, or only a
        ``Spectrum`` of one.
    vector
        (d,) the steering vector v.
    epsilon, radius
        Tolerance in nats and the norm of the largest displacement it must hold for. Given
        together, the class is the epsilon-class, and members lie within ``radius`` of v.
    affine
        Whether the continuation is known to be affine, so that the kernel is the whole story. If
        not, a kernel shows first-order equivalence and no more.
    spectrum
        The operator's spectrum, where it was taken already (with the error of its entries, say).
        None beside an operator that is one.

    Raises
    ------
    InvalidInput
        For arrays or a spectrum that are not finite or do not fit, one of epsilon and radius alone,
        or an ``affine`` that is neither True nor False.

    Examples
    --------
    >>> seen = EquivalenceClass(np.array([[1.0, 0.0]]), np.array([3.0, 4.0]), affine=True)
    >>> seen.dimension, seen.infimum_cosine, round(seen.witness().cosine, 2)
    (1, -0.8, -0.28)
    """

    def __init__(
        self,
        operator: Any,
        vector: Any,
        *,
        epsilon: float | None = None,
        radius: float | None = None,
        affine: bool = False,
        spectrum: Spectrum | None = None,
    ) -> None:
        as_flag(affine, "affine")
        if (epsilon is None) != (radius is None):
            raise InvalidInput("epsilon (nats) and radius (a norm) go together; pass both or none")
        self._matrix: np.ndarray | None = None
        self._given = not hasattr(operator, "matmat")  # an operator's entries are computed
        if isinstance(operator, Spectrum):
            if spectrum is not None:
                raise InvalidInput("the operator is a spectrum already; pass no other beside it")
            self.spectrum = operator
        else:
            self._matrix = moderate(as_matrix(dense(operator), "operator"), "operator")
            # A symmetric array that is said to be an affine map's matrix is no metric.
            read_as_metric = is_metric(operator, self._matrix)
            if affine and not hasattr(operator, "symmetric"):
                read_as_metric = False
            error = entry_error(operator, self._matrix)
            if spectrum is None:
                self.spectrum = Spectrum.of(self._matrix, metric=read_as_metric, error=error)
            else:
                self.spectrum = _of_width(spectrum, self._matrix.shape[1])
        self.vector = self._checked(vector, "vector")
        self.epsilon, self.radius, self.affine = epsilon, radius, affine
        rank = self.spectrum.rank()
        if epsilon is not None and radius is not None:
            rank = self.spectrum.epsilon_rank(epsilon, radius)
        self._seen = self.spectrum.eigenvectors[:, :rank]  # (d, r)
        self.basis = self.spectrum.eigenvectors[:, rank:]  # (d, dimension)

    @property
    def dimension(self) -> int:
        """Dimension of the class: of the kernel, or of the epsilon-null space."""
        return self.basis.shape[1]

    @cached_property
    def representative(self) -> np.ndarray:
        """(d,) the member of least norm, a: the part of v that outputs show."""
        return self._seen @ (self._seen.T @ self.vector)

    @cached_property
    def invisible_part(self) -> np.ndarray:
        """(d,) b = v - a, the part of v inside the kernel."""
        return self.basis @ (self.basis.T @ self.vector)

    def distance(self, other: Any) -> float:
        """Norm of the part of ``other - v`` that is seen: 0 for members."""
        difference = self._checked(other, "other") - self.vector
        return float(np.linalg.norm(self._seen.T @ difference))

    def _checked(self, given: Any, name: str) -> np.ndarray:
        vector = as_vector(given, name, width=self.spectrum.width)
        return moderate(vector, name, smallest=SHORTEST)

    def contains(self, other: Any) -> bool:
        """Whether ``other`` is a member, to rounding, and within the radius if there is one."""
        other = self._checked(other, "other")
        scale = max(float(np.linalg.norm(self.vector)), float(np.linalg.norm(other)))
        # sqrt(eps): forming a member rounds at eps, the subspace itself turns by up to eps/gap.
        inside = self.distance(other) <= np.sqrt(np.finfo(np.float64).eps) * scale
        if self.radius is None:
            return inside
        return inside and float(np.linalg.norm(other - self.vector)) <= self.radius * (1 + 1e-12)

    @property
    def infimum_cosine(self) -> float:
        """Greatest lower bound of cos(v, v') over the class, without the radius (N1).

        -||b||/||v||, not attained unless a = 0; 1 when the class is {v}.
        """
        norm = self._positive_norm()
        if self.dimension == 0:
            return 1.0
        return -float(np.linalg.norm(self.invisible_part)) / norm

    def witness(self, cosine: float | None = None) -> Witness:
        """A member v' other than v.

        Parameters
        ----------
        cosine
            Wanted cos(v, v'). By default the member of the same norm as v of least cosine that
            the class and its radius allow: a - b, at (||a||^2 - ||b||^2)/||v||^2. Where no other
            member within the radius has v's norm (v has no invisible part, or the class is a line),
            v + n stands in, with n in the kernel and as long as v, or as the radius.

        Raises
        ------
        InvalidInput
            If the class is {v}, v = 0, or no member has that cosine; the message says the range.
        """
        norm = self._positive_norm()
        if self.dimension == 0:
            raise InvalidInput("the class is {v}: there is no other member to serve as a witness")
        hidden = float(np.linalg.norm(self.invisible_part))
        along, across = self._frame(hidden, norm)
        if cosine is None:
            member = self._equal_norm_member(hidden, norm, along, across)
        else:
            member = self._member_at(cosine, hidden, norm, along, across)
        return self._as_witness(member)

    def _positive_norm(self) -> float:
        norm = float(np.linalg.norm(self.vector))
        if norm == 0:
            raise InvalidInput("the zero vector has no direction; pass a non-zero steering vector")
        return norm

    def _frame(self, hidden: float, norm: float) -> tuple[np.ndarray, np.ndarray | None]:
        """A unit kernel vector along b (any, if b = 0) and one orthogonal to it, if there is."""
        points = hidden > _ANGLE * norm
        along = self.invisible_part / hidden if points else self.basis[:, -1]
        rest = self.basis - np.outer(along, along @ self.basis)
        lengths = np.linalg.norm(rest, axis=0)
        best = int(np.argmax(lengths))
        across = rest[:, best] / lengths[best] if self.dimension > 1 else None
        return along, across

    def _equal_norm_member(
        self, hidden: float, norm: float, along: np.ndarray, across: np.ndarray | None
    ) -> np.ndarray:
        limit = np.inf if self.radius is None else self.radius
        if hidden <= _ANGLE * norm:
            return self.vector + min(norm, limit) * along
        if 2 * hidden <= limit:
            return self.representative - self.invisible_part
        if across is None:
            return self.vector - limit * along  # no other of v's norm is that near
        # At equal norm cos = 1 - ||v' - v||^2 / (2 ||v||^2): turn b until the chord is the radius.
        turn = 2 * np.arcsin(limit / (2 * hidden))
        turned = np.cos(turn) * along + np.sin(turn) * across
        return self.representative + hidden * turned

    def _member_at(
        self,
        cosine: float,
        hidden: float,
        norm: float,
        along: np.ndarray,
        across: np.ndarray | None,
    ) -> np.ndarray:
        seen = float(np.linalg.norm(self.representative))
        cosine = as_number(cosine, "cosine", low=-1, high=1, mend="choose another")
        wanted = np.arccos(cosine)  # radians away from v
        if seen <= _ANGLE * norm:
            # The class is the kernel itself: any direction in it, at the norm of v.
            if across is None and abs(cosine) < 1:
                raise InvalidInput("the class is a line through 0: only the cosines 1 and -1 occur")
            turned = cosine * along
            member = norm * (turned if across is None else turned + np.sin(wanted) * across)
        else:
            # In the plane of a and b, v lies at angle atan2(|b|, |a|) and members fill the half
            # plane of a: turn from v by the wanted angle, staying short of a right angle to a.
            angle = np.arctan2(hidden, seen) - wanted
            if angle <= -np.pi / 2 + _ANGLE:
                raise InvalidInput(
                    f"no member has cosine {cosine:.4g}: they are greater than "
                    f"{self.infimum_cosine:.4g}, which is not attained"
                )
            member = self.representative + seen * np.tan(angle) * along
        distance = float(np.linalg.norm(member - self.vector))
        if self.radius is not None and distance > self.radius:
            raise InvalidInput(
                f"the member at cosine {cosine:.4g} is {distance:.4g} away, outside the radius "
                f"{self.radius:.4g}; ask for a larger cosine or pass a larger radius"
            )
        return member

    def _as_witness(self, member: np.ndarray) -> Witness:
        norms = np.linalg.norm(self.vector) * np.linalg.norm(member)
        difference, unit = self._output_difference(member - self.vector)
        return Witness(
            vector=member,
            cosine=float(self.vector @ member / norms),
            distance=float(np.linalg.norm(member - self.vector)),
            output_difference=difference,
            unit=unit,
        )

    def _output_difference(self, step: np.ndarray) -> tuple[float | None, str]:
        """What v + step does differently from v, as far as the operator tells, and its unit."""
        if self._matrix is None:
            return None, ""
        if not self.spectrum.rectangular:
            return float(0.5 * step @ self._matrix @ step), "nats, to second order"
        change = float(np.linalg.norm(self._matrix @ self.vector))
        apart = float(np.linalg.norm(self._matrix @ step))
        order = "" if self.affine else ", to first order"
        if change == 0:
            return apart, f"norm of the outputs{order}"
        return apart / change, f"relative to the change made by v{order}"

    @property
    def report(self) -> Report:
        """The verdict on v with everything that it rests on."""
        spectrum = self.spectrum
        by_epsilon = self.epsilon is not None
        verdict = self._verdict()
        undetermined = verdict is Verdict.UNDETERMINED
        has_witness = self.dimension > 0 and not undetermined and bool(np.any(self.vector))
        return Report(
            verdict=verdict,
            certificate=self._certificate(),
            class_dimension=None if undetermined else self.dimension,
            identified_functionals=self._seen.T,
            tolerance=self.epsilon if self.epsilon is not None else spectrum.noise_floor,
            unit="nats" if by_epsilon else "eigenvalue (noise floor)",
            gap=self._gap,
            regime=SINGLE_LAYER,
            observable="affine outputs" if self.affine else "outputs, to first order at this state",
            witness=self.witness() if has_witness else None,
        )

    @property
    def _gap(self) -> float:
        """Last value on the seen side of the class's cut less the first one on the other."""
        values, rank = self.spectrum.values, self._seen.shape[1]
        if rank == 0:
            return 0.0
        return float(values[rank - 1] - (values[rank] if rank < values.size else 0.0))

    def _certificate(self) -> Certificate:
        if self._proved:
            return Certificate(CertificateKind.PROOF, "rank over Q of the matrix of an affine map")
        spectrum = self.spectrum
        statement = f"spectrum of width {spectrum.width}, estimated noise floor"
        if self.epsilon is not None:
            statement += "; divergence to second order"
        else:
            statement += f", null-space angle bound {spectrum.null_space_angle_bound:.2g}"
        return Certificate(CertificateKind.NUMERIC, statement, spectrum.noise_floor)

    def _verdict(self) -> Verdict:
        hidden = self.dimension > 0
        if self.epsilon is not None and self.radius is not None:
            surely, at_most = self.spectrum.epsilon_null_dimension_bounds(self.epsilon, self.radius)
            if surely > 0:
                return Verdict.EPSILON_NON_IDENTIFIABLE
            return Verdict.UNDETERMINED if at_most > 0 else Verdict.LOCALLY_IDENTIFIABLE
        if not self.spectrum.resolved:
            return Verdict.UNDETERMINED
        if not self.affine and not hidden:
            return Verdict.LOCALLY_IDENTIFIABLE
        if not self.affine and self.spectrum.error == 0:
            return Verdict.FIRST_ORDER_ONLY
        if not hidden:
            return Verdict.GLOBALLY_IDENTIFIABLE
        # A kernel of floating-point numbers is one at the noise floor, unless arithmetic proves it.
        return Verdict.NON_IDENTIFIABLE if self._proved else Verdict.EPSILON_NON_IDENTIFIABLE

    @cached_property
    def _proved(self) -> bool:
        """Whether exact arithmetic finds the same rank in an affine map's matrix (small ones)."""
        if not self._given or self._matrix is None or self._matrix.size > _EXACT_ENTRIES:
            return False
        if not self.affine or self.epsilon is not None or self.spectrum.error > 0:
            return False
        return int(exact_rank(self._matrix)) == self.spectrum.rank()


def _of_width(spectrum: Any, width: int) -> Spectrum:
    """The spectrum that was given beside an operator of this width."""
    if not isinstance(spectrum, Spectrum):
        raise InvalidInput(
            f"spectrum must be a Spectrum, got {type(spectrum).__name__}; take it by Spectrum.of"
        )
    if spectrum.width != width:
        raise InvalidInput(
            f"spectrum must have width {width} as the operator has, got {spectrum.width}; "
            "take it of this operator"
        )
    return spectrum
