"""The standing of an agent: what it has shown and lacks, how it got here, and what it broke."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.generic import View

from governance.admin.base import ledger_url
from governance.admin.episodes import violations
from governance.admin.facts import (
    Button,
    Fact,
    Facts,
    Table,
    anchor,
    badge,
    bullets,
    code,
    draw,
    fact,
    link,
    page_of,
    when,
)
from governance.admin.pages import Headed, Section
from governance.admin.rendering import charts
from governance.admin.rendering.visible import revealed, visible
from governance.domain.words import Maturity
from governance.models import (
    Agent,
    Episode,
    Exam,
    LedgerEntry,
    MaturityChange,
    Violation,
)
from governance.policy.evidence import Tally
from governance.policy.readiness import (
    CONSTITUTION_POINTS,
    EPISODE_POINTS,
    INTERVENTION_POINTS,
    Readiness,
)
from governance.services import maturity, promotions, standings
from governance.services.promotions import Prospect

LATEST = 10
MOST_POINTS = 30
"""How many points a plot over time has at most."""


class StandingPage(View):
    """Read only; what can be done is done from pages of their own."""

    http_method_names = ["get", "head"]
    admin: Any = None

    def get(self, request: HttpRequest, object_id: object) -> HttpResponse:
        """Raises Http404 for what this person cannot see."""
        row = self.admin.find(request, str(object_id))
        context = {
            **self.admin.admin_site.each_context(request),
            "opts": self.admin.opts,
            "original": Headed(row),
            "title": f"Standing of {revealed(row.name)}",
            "shown": visible(f"Standing of {row.name}"),
            "sections": sections(row),
            "buttons": [Button("The agent", page_of(row)), Button("Ledger", ledger_url(row))],
        }
        return TemplateResponse(request, "admin/governance/facts_page.html", context)


def summary(row: Agent) -> Facts:
    """For the agent's own page, in a few lines."""
    if maturity.next_after(Maturity(row.maturity)) is None:
        said = fact("Next maturity", "It is autonomous: there is nothing above that.")
        return Facts("What it has earned", [said])
    found = promotions.prospect(row)
    url = reverse("admin:governance_agent_standing", args=[row.pk])
    return Facts(
        "What it has earned",
        [
            fact("Readiness", anchor(url, _verdict(found))),
            fact("Still lacking", bullets(found.wanting)),
        ],
    )


def sections(row: Agent) -> list[Section]:
    """Everything the page says."""
    prospective: list[Section] = []
    if maturity.next_after(Maturity(row.maturity)) is not None:
        prospective = _prospect(promotions.prospect(row))
    return [
        *prospective,
        *_evidence(row),
        Facts("Over time", [_confidence(row), _timeline(row)]),
        _changes(row),
        _exams(row),
        violations(
            Violation.objects.filter(agent=row), title="Violations", more=_all("violation", row)
        ),
        _episodes(row),
        _trail(row),
    ]


def _all(name: str, row: Agent) -> str:
    return f"{reverse(f'admin:governance_{name}_changelist')}?agent={row.pk}"


def _verdict(found: Prospect) -> str:
    ready = "ready" if found.readiness.ready else "not ready"
    return f"{ready} for {found.target.value}: {found.readiness.score:.1f} of 100"


# --- Readiness ------------------------------------------------------------------------------------


def _prospect(found: Prospect) -> list[Section]:
    judged = found.readiness
    facts = [
        fact("Verdict", _verdict(found)),
        fact("What stands in the way", bullets(found.wanting) or draw("Nothing: promote it.")),
        fact("Points", _bars(judged)),
        fact("Confidence", f"{found.confidence:.3f}, and {found.threshold:.1f} makes eligible"),
        fact("Supervision", _score(found.supervision, "no rated session in this stint")),
        fact("Combined with supervision", _score(found.combined, "not known")),
        fact("Exam", link(found.exam) if found.exam else None),
        fact("Training", link(found.training) if found.training else None),
    ]
    return [Facts(f"Readiness for {found.target.value}", facts), _breakdown(judged)]


def _score(score: float | None, otherwise: str) -> str:
    return otherwise if score is None else f"{score:.1f} of 100"


def _bars(judged: Readiness) -> SafeString:
    points = (judged.episode_points, judged.intervention_points, judged.constitution_points)
    most = (EPISODE_POINTS, INTERVENTION_POINTS, CONSTITUTION_POINTS)
    return charts.svg(
        {
            "type": "bar",
            "labels": ["episodes", "interventions", "constitution"],
            "series": [
                {"name": "points", "values": [round(value, 1) for value in points]},
                {"name": "of at most", "values": list(most)},
            ],
        }
    )


def _breakdown(judged: Readiness) -> Table:
    shown, criteria = judged.shown, judged.criteria
    rate, mean = shown.intervention_rate, shown.constitution
    return Table(
        "What was shown in this stint",
        ("What", "Shown", "What the sample shows (95%)", "Asked for", "Points"),
        [
            _row(
                "Successful episodes",
                f"{shown.successful} of {shown.episodes}",
                _bound(shown.success_lower_bound, "a share of {} at least"),
                f"{criteria.episodes}, and a share of {criteria.min_success:.2f}",
                f"{judged.episode_points:.1f} of 40",
            ),
            _row(
                "Interventions an episode",
                "not known" if rate is None else f"{rate:.3f}",
                _bound(shown.intervened_upper_bound, "a share of episodes of {} at most"),
                f"{criteria.max_intervention_rate:.3f} at most",
                f"{judged.intervention_points:.1f} of 30",
            ),
            _row(
                "Constitutional score",
                "not known" if mean is None else f"{mean:.3f}, of {shown.scored} episodes",
                "",
                f"{criteria.min_constitution:.3f}",
                f"{judged.constitution_points:.1f} of 30",
            ),
        ],
    )


def _row(*texts: str) -> tuple[SafeString, ...]:
    return tuple(draw(text) for text in texts)


def _bound(value: float | None, words: str) -> str:
    return "" if value is None else words.format(f"{value:.4f}")


# --- Evidence -------------------------------------------------------------------------------------


def _evidence(row: Agent) -> list[Section]:
    found = {key: tally for key, tally in standings.tallies(row.pk).items() if tally.count}
    table = Table(
        "Evidence by action type",
        ("Action type", "Outcomes", "Worth", "Rate", "At least (95%)"),
        [(code(key), *_tallied(tally)) for key, tally in found.items()],
        empty="Nobody has decided or corrected anything of it yet.",
    )
    if not found:
        return [table]
    return [table, Facts("Evidence, drawn", [fact("Rates and bounds", _intervals(found))])]


def _tallied(tally: Tally) -> tuple[SafeString, ...]:
    rate, bound = tally.rate, tally.lower_bound
    return _row(
        str(tally.count),
        f"{tally.worth:g}",
        "" if rate is None else f"{rate:.3f}",
        "" if bound is None else f"{bound:.4f}",
    )


def _intervals(found: dict[str, Tally]) -> SafeString:
    shown = dict(list(found.items())[:MOST_POINTS])
    bounds = _rounded(tally.lower_bound for tally in shown.values())
    rates = _rounded(tally.rate for tally in shown.values())
    series = [{"name": "at least (95%)", "values": bounds}, {"name": "rate", "values": rates}]
    return charts.svg({"type": "bar", "labels": list(shown), "series": series})


def _rounded(values: Iterable[float | None]) -> list[float | None]:
    return [None if value is None else round(value, 4) for value in values]


# --- Over time ------------------------------------------------------------------------------------


def _confidence(row: Agent) -> Fact:
    entries = LedgerEntry.objects.filter(subject_id=row.pk, kind="agent.confidence")
    latest = list(entries.order_by("-id")[:MOST_POINTS])[::-1]
    if not latest:
        return fact("Confidence", f"{row.confidence_score:.3f}, since it was registered")
    moves = [entry.data["data"] for entry in latest]
    values = [moves[0]["before"], *(move["after"] for move in moves)]
    labels = ["before", *(f"{entry.created_at:%Y-%m-%d}" for entry in latest)]
    return Fact("Confidence", _line(labels, "confidence", values))


def _timeline(row: Agent) -> Fact:
    changes = list(_changed(row)[:MOST_POINTS])[::-1]
    if not changes:
        return fact("Maturity", f"{row.maturity}, since it was registered")
    levels = [changes[0].before, *(change.after for change in changes)]
    labels = ["before", *(f"{change.created_at:%Y-%m-%d}" for change in changes)]
    name = "maturity (0 student, 1 intern, 2 supervised, 3 autonomous)"
    return Fact("Maturity", _line(labels, name, [Maturity(level).rank for level in levels]))


def _line(labels: Sequence[str], name: str, values: Sequence[float]) -> SafeString:
    series = [{"name": name, "values": list(values)}]
    return charts.svg({"type": "line", "labels": list(labels), "series": series})


def _changed(row: Agent) -> Any:
    return MaturityChange.objects.filter(agent=row).order_by("-created_at", "-id")


def _changes(row: Agent) -> Table:
    return Table(
        "Changes of maturity",
        ("When", "From", "To", "Because", "Note"),
        [
            (
                link(change, f"{change.created_at:%Y-%m-%d %H:%M:%S}"),
                badge(change.before),
                badge(change.after),
                draw(change.get_reason_display()),
                draw(change.note),
            )
            for change in _changed(row)[:LATEST]
        ],
        empty="It is what it was registered as.",
        more=_all("maturitychange", row),
    )


def _exams(row: Agent) -> Table:
    found = Exam.objects.filter(agent=row).order_by("-created_at", "-id")[:LATEST]
    return Table(
        "Exams",
        ("When", "For", "State", "Score"),
        [
            (
                link(exam, f"{exam.created_at:%Y-%m-%d %H:%M:%S}"),
                badge(exam.target),
                badge(exam.state),
                draw(None if exam.score is None else f"{exam.score:.3f} of {exam.needed:.2f}"),
            )
            for exam in found
        ],
        empty="It has sat no exam yet.",
        more=_all("exam", row),
    )


def _episodes(row: Agent) -> Table:
    found = Episode.objects.filter(agent=row).order_by("-finished_at", "-id")[:LATEST]
    return Table(
        "Latest episodes",
        ("Ended", "What", "Outcome", "Interventions"),
        [
            (
                link(episode, f"{episode.finished_at:%Y-%m-%d %H:%M:%S}"),
                draw(episode.title),
                badge(episode.outcome),
                draw(str(episode.interventions)),
            )
            for episode in found
        ],
        empty="It has finished nothing yet.",
        more=_all("episode", row),
    )


def _trail(row: Agent) -> Table:
    entries = LedgerEntry.objects.filter(subject_id=row.pk).order_by("-id")[:LATEST]
    return Table(
        "Audit trail",
        ("When", "What", "By"),
        [
            (when(entry.created_at), code(entry.kind), draw(entry.data["by"]["label"]))
            for entry in entries
        ],
        more=ledger_url(row),
    )
