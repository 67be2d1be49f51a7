"""Rows of episodes, evidence, criteria and constitutions that the database refuses.

For `test_migrations`, as `impossible_watching`.
"""

from __future__ import annotations

import datetime

from governance.runtimes.recorded import parse_line
from governance.services import constitutions, imports
from tests.factories import (
    BY_SYSTEM,
    AgentFactory,
    ConstitutionVersionFactory,
    CriteriaRowFactory,
    EpisodeFactory,
    EpisodeSegmentFactory,
    EvidenceCounterFactory,
    EvidenceFactory,
    MaturityChangeFactory,
    StintCounterFactory,
    ViolationFactory,
)

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
LATE = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)


def draft_rule():
    return ConstitutionVersionFactory().rules.get()


def published_constitution():
    return constitutions.publish(version=ConstitutionVersionFactory(), by=BY_SYSTEM)


IMPOSSIBLE = [
    ("episode_maturity_known", EpisodeFactory, {"maturity": "expert"}),
    ("episode_outcome_known", EpisodeFactory, {"outcome": "running"}),
    ("episode_reported_known", EpisodeFactory, {"reported_outcome": "great"}),
    ("episode_has_its_source", EpisodeFactory, {"run_id": None}),
    ("episode_has_its_source", EpisodeFactory, {"source": "proposal"}),
    ("episode_has_its_source", EpisodeFactory, {"source": "imported"}),
    ("episode_scored_pairs", EpisodeFactory, {"score_thousandths": 1_001}),
    ("episode_scored_pairs", EpisodeFactory, {"score_thousandths": None}),
    ("episode_scored_pairs", EpisodeFactory, {"compliant": None}),
    ("episode_corrected_pairs", EpisodeFactory, {"corrected_at": NOW}),
    ("episode_in_order", EpisodeFactory, {"started_at": LATE}),
    ("episode_segment_kind_known", EpisodeSegmentFactory, {"kind": "thought"}),
    ("violation_severity_known", ViolationFactory, {"severity": "awful"}),
    ("stint_counter_within", StintCounterFactory, {"successful": 2}),
    ("stint_counter_within", StintCounterFactory, {"intervened": 2}),
    ("stint_counter_within", StintCounterFactory, {"scored": 2}),
    ("evidence_kind_known", EvidenceFactory, {"kind": "praise"}),
    ("evidence_halves_0_to_2", EvidenceFactory, {"halves": 3}),
    ("evidence_counter_within", EvidenceCounterFactory, {"halves": 3}),
    ("criteria_maturity_known", CriteriaRowFactory, {"maturity": "student"}),
    ("criteria_within", CriteriaRowFactory, {"episodes": 0}),
    ("criteria_within", CriteriaRowFactory, {"max_intervention_rate": -0.1}),
    ("criteria_within", CriteriaRowFactory, {"min_constitution": 1.1}),
    ("criteria_within", CriteriaRowFactory, {"min_exam": 0.0}),
    ("criteria_within", CriteriaRowFactory, {"min_success": 1.1}),
    ("maturity_change_before_known", MaturityChangeFactory, {"before": "expert"}),
    ("maturity_change_after_known", MaturityChangeFactory, {"after": "expert"}),
    ("maturity_change_reason_known", MaturityChangeFactory, {"reason": "whim"}),
    ("maturity_change_changes", MaturityChangeFactory, {"after": "supervised"}),
    ("maturity_change_exam_named", MaturityChangeFactory, {"reason": "exam"}),
    ("maturity_change_autonomous_confirmed", MaturityChangeFactory, {"after": "autonomous"}),
    ("constitution_state_known", ConstitutionVersionFactory, {"state": "old"}),
    ("constitution_published_pairs", ConstitutionVersionFactory, {"number": 7}),
    ("constitution_published_pairs", published_constitution, {"digest": None}),
    ("constitution_rule_severity_known", draft_rule, {"severity": "awful"}),
    ("constitution_rule_reason_given", draft_rule, {"reason": ""}),
]


def imported():
    """An episode that was imported."""
    agent = AgentFactory()
    return imports.take_in(parse_line('{"messages": []}'), agent=agent, by=BY_SYSTEM)


TWICE = [
    ("episode_import_once", "episode.agent_id, episode.external_id", imported, {}),
    (
        "episode_segment_position_once",
        "episodesegment.episode_id, episodesegment.position",
        EpisodeSegmentFactory,
        {},
    ),
    (
        "stint_counter_once",
        "stintcounter.agent_id, stintcounter.stint",
        StintCounterFactory,
        {},
    ),
    (
        "evidence_counter_once",
        "evidencecounter.agent_id, evidencecounter.action_type",
        EvidenceCounterFactory,
        {},
    ),
    (
        "criteria_once",
        "criteriarow.workspace_id, criteriarow.maturity",
        CriteriaRowFactory,
        {},
    ),
    (
        "maturity_change_stint_once",
        "maturitychange.agent_id, maturitychange.stint",
        MaturityChangeFactory,
        {},
    ),
    (
        "constitution_number_once",
        "constitutionversion.workspace_id, constitutionversion.number",
        published_constitution,
        {},
    ),
    (
        "constitution_rule_key_once",
        "constitutionrule.constitution_id, constitutionrule.key",
        draft_rule,
        {},
    ),
]
