import datetime

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import governance.models.base


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "__first__"),
    ]

    operations = [
        migrations.CreateModel(
            name="Workspace",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "name",
                    models.CharField(
                        max_length=60,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z][a-z0-9-]*\\Z", "Use a-z, 0-9 and -, from a letter."
                            )
                        ],
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("active", "Active"), ("halted", "Halted")],
                        default="active",
                        editable=False,
                        max_length=20,
                    ),
                ),
            ],
            options={
                "ordering": ("name",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["active", "halted"])),
                        name="workspace_state_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("viewer", "Viewer"),
                            ("reviewer", "Reviewer"),
                            ("supervisor", "Supervisor"),
                            ("governor", "Governor"),
                            ("auditor", "Auditor"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="memberships",
                        to="governance.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ("workspace", "user"),
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "user"), name="membership_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "role__in",
                                ["viewer", "reviewer", "supervisor", "governor", "auditor"],
                            )
                        ),
                        name="membership_role_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Agent",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("name", models.CharField(max_length=100)),
                ("category", models.CharField(blank=True, max_length=100)),
                ("description", models.TextField(blank=True, max_length=2000)),
                ("module_path", models.CharField(blank=True, max_length=200)),
                ("class_name", models.CharField(blank=True, max_length=100)),
                (
                    "maturity",
                    models.CharField(
                        choices=[
                            ("student", "Student"),
                            ("intern", "Intern"),
                            ("supervised", "Supervised"),
                            ("autonomous", "Autonomous"),
                        ],
                        default="student",
                        editable=False,
                        max_length=20,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("paused", "Paused"),
                            ("retired", "Retired"),
                        ],
                        default="active",
                        editable=False,
                        max_length=20,
                    ),
                ),
                (
                    "confidence_score",
                    models.FloatField(
                        default=0.0,
                        editable=False,
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                    ),
                ),
                ("configuration", models.JSONField(blank=True, default=dict)),
                ("fingerprint", models.CharField(editable=False, max_length=64)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="owned_agents",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ("name",),
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "name"), name="agent_name_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("maturity__in", ["student", "intern", "supervised", "autonomous"])
                        ),
                        name="agent_maturity_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["active", "paused", "retired"])),
                        name="agent_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("confidence_score__gte", 0.0), ("confidence_score__lte", 1.0)
                        ),
                        name="agent_confidence_0_to_1",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ActionType",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "key",
                    models.CharField(
                        max_length=100,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z][a-z0-9_.-]*\\Z", "Use a-z, 0-9, _ . and -, from a letter."
                            )
                        ],
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("description", models.TextField(blank=True, max_length=2000)),
                (
                    "complexity",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (1, "1 read"),
                            (2, "2 draft"),
                            (3, "3 change"),
                            (4, "4 irreversible or costly"),
                        ]
                    ),
                ),
                (
                    "reversibility",
                    models.CharField(
                        choices=[
                            ("reversible", "Reversible"),
                            ("compensable", "Compensable"),
                            ("irreversible", "Irreversible"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        choices=[("handler", "Handler"), ("agent", "Agent")], max_length=20
                    ),
                ),
                (
                    "effect",
                    models.CharField(
                        choices=[
                            ("local", "Local (this database)"),
                            ("keyed", "Keyed (the far side dedups)"),
                            ("unkeyed", "Unkeyed (the far side does not dedup)"),
                        ],
                        max_length=20,
                    ),
                ),
                ("params_schema", models.JSONField(default=dict)),
                (
                    "required_approvals",
                    models.PositiveSmallIntegerField(
                        default=1,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(20),
                        ],
                    ),
                ),
                ("expires_after", models.DurationField(default=datetime.timedelta(days=7))),
                ("enabled", models.BooleanField(default=True)),
                (
                    "system_only",
                    models.BooleanField(
                        default=False,
                        editable=False,
                        help_text="Filed by the system; agents may not ask for it.",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ("key",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("workspace", "key"), name="action_type_key_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("complexity__in", [1, 2, 3, 4])),
                        name="action_type_complexity_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("reversibility__in", ["reversible", "compensable", "irreversible"])
                        ),
                        name="action_type_reversibility_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("mode__in", ["handler", "agent"])),
                        name="action_type_mode_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("effect__in", ["local", "keyed", "unkeyed"])),
                        name="action_type_effect_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("required_approvals__gte", 1), ("required_approvals__lte", 20)
                        ),
                        name="action_type_approvals_1_to_20",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expires_after__gt", datetime.timedelta(0))),
                        name="action_type_expiry_positive",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PolicyVersion",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("published", "Published"),
                            ("discarded", "Discarded"),
                        ],
                        default="draft",
                        editable=False,
                        max_length=20,
                    ),
                ),
                ("number", models.PositiveIntegerField(editable=False, null=True)),
                ("note", models.TextField(blank=True, max_length=2000)),
                ("digest", models.CharField(editable=False, max_length=64, null=True)),
                ("published_at", models.DateTimeField(editable=False, null=True)),
                (
                    "published_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "indexes": [
                    models.Index(fields=["workspace", "-created_at", "-id"], name="policy_list"),
                    models.Index(fields=["workspace", "state", "-number"], name="policy_newest"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("workspace", "number"), name="policy_number_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["draft", "published", "discarded"])),
                        name="policy_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state__in", ["published"]),
                                ("number__isnull", False),
                                ("digest__isnull", False),
                                ("published_at__isnull", False),
                            ),
                            models.Q(
                                models.Q(("state__in", ["published"]), _negated=True),
                                ("number__isnull", True),
                                ("digest__isnull", True),
                                ("published_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="policy_published_pairs",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PolicyRule",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("position", models.PositiveSmallIntegerField(default=0)),
                (
                    "key",
                    models.CharField(
                        max_length=100,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z][a-z0-9_-]*\\Z", "Use a-z, 0-9, _ and -."
                            )
                        ],
                    ),
                ),
                ("scope", models.CharField(default="*", max_length=100)),
                ("condition", models.TextField(max_length=2000)),
                (
                    "route",
                    models.CharField(
                        choices=[
                            ("supervision", "Supervision"),
                            ("proposal", "Proposal"),
                            ("training", "Training"),
                            ("denied", "Denied"),
                        ],
                        max_length=20,
                    ),
                ),
                ("reason", models.CharField(max_length=500)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rules",
                        to="governance.policyversion",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ("position", "key"),
                "constraints": [
                    models.UniqueConstraint(fields=("policy", "key"), name="policy_rule_key_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("route__in", ["supervision", "proposal", "training", "denied"])
                        ),
                        name="policy_rule_route_tightens",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="policy_rule_reason_given",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Grant",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("action_type", models.CharField(max_length=100)),
                (
                    "route",
                    models.CharField(
                        choices=[
                            ("execution", "Execution"),
                            ("supervision", "Supervision"),
                            ("proposal", "Proposal"),
                        ],
                        default="execution",
                        max_length=20,
                    ),
                ),
                ("condition", models.TextField(blank=True, max_length=2000)),
                ("reason", models.CharField(max_length=500)),
                ("expires_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[("active", "Active"), ("revoked", "Revoked")],
                        default="active",
                        editable=False,
                        max_length=20,
                    ),
                ),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="grants",
                        to="governance.agent",
                    ),
                ),
                (
                    "given_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "indexes": [
                    models.Index(fields=["agent", "action_type", "state"], name="grant_in_force"),
                    models.Index(fields=["workspace", "-created_at", "-id"], name="grant_list"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("route__in", ["execution", "supervision", "proposal"])),
                        name="grant_route_loosens",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["active", "revoked"])),
                        name="grant_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["revoked"]), ("revoked_at__isnull", False)),
                            models.Q(
                                models.Q(("state__in", ["revoked"]), _negated=True),
                                ("revoked_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="grant_revoked_pairs",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Ceiling",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "maturity",
                    models.CharField(
                        choices=[
                            ("student", "Student"),
                            ("intern", "Intern"),
                            ("supervised", "Supervised"),
                            ("autonomous", "Autonomous"),
                        ],
                        max_length=20,
                    ),
                ),
                ("reason", models.CharField(max_length=500)),
                (
                    "state",
                    models.CharField(
                        choices=[("active", "Active"), ("lifted", "Lifted")],
                        default="active",
                        editable=False,
                        max_length=20,
                    ),
                ),
                ("lifted_at", models.DateTimeField(editable=False, null=True)),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ceilings",
                        to="governance.agent",
                    ),
                ),
                (
                    "set_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "indexes": [
                    models.Index(fields=["workspace", "-created_at", "-id"], name="ceiling_list")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "active")),
                        fields=("agent",),
                        name="ceiling_one_active",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("maturity__in", ["student", "intern", "supervised", "autonomous"])
                        ),
                        name="ceiling_maturity_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["active", "lifted"])),
                        name="ceiling_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["lifted"]), ("lifted_at__isnull", False)),
                            models.Q(
                                models.Q(("state__in", ["lifted"]), _negated=True),
                                ("lifted_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="ceiling_lifted_pairs",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Trigger",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("manual", "Manual"),
                            ("data_sync", "Data sync"),
                            ("workflow_engine", "Workflow engine"),
                            ("ai_coordinator", "AI coordinator"),
                        ],
                        max_length=20,
                    ),
                ),
                ("type", models.CharField(max_length=100)),
                ("context", models.JSONField(default=dict)),
                (
                    "route",
                    models.CharField(
                        choices=[
                            ("execution", "Execution"),
                            ("supervision", "Supervision"),
                            ("proposal", "Proposal"),
                            ("training", "Training"),
                            ("denied", "Denied"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="triggers",
                        to="governance.agent",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "indexes": [
                    models.Index(fields=["workspace", "-created_at", "-id"], name="trigger_list")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "source__in",
                                ["manual", "data_sync", "workflow_engine", "ai_coordinator"],
                            )
                        ),
                        name="trigger_source_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "route__in",
                                ["execution", "supervision", "proposal", "training", "denied"],
                            )
                        ),
                        name="trigger_route_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("live", "Live"), ("exam", "Exam")], default="live", max_length=20
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("abandoned", "Abandoned"),
                        ],
                        default="queued",
                        editable=False,
                        max_length=20,
                    ),
                ),
                (
                    "maturity",
                    models.CharField(
                        choices=[
                            ("student", "Student"),
                            ("intern", "Intern"),
                            ("supervised", "Supervised"),
                            ("autonomous", "Autonomous"),
                        ],
                        max_length=20,
                    ),
                ),
                ("fingerprint", models.CharField(max_length=64)),
                ("started_at", models.DateTimeField(editable=False, null=True)),
                ("finished_at", models.DateTimeField(editable=False, null=True)),
                ("outcome", models.TextField(blank=True, max_length=2000)),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="governance.agent",
                    ),
                ),
                (
                    "trigger",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="run",
                        to="governance.trigger",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "indexes": [
                    models.Index(fields=["workspace", "-created_at", "-id"], name="run_list"),
                    models.Index(fields=["agent", "-created_at", "-id"], name="run_of_agent"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["live", "exam"])), name="run_kind_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("maturity__in", ["student", "intern", "supervised", "autonomous"])
                        ),
                        name="run_maturity_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["queued", "running", "succeeded", "failed", "abandoned"])
                        ),
                        name="run_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state__in", ["abandoned", "failed", "succeeded"]),
                                ("finished_at__isnull", False),
                            ),
                            models.Q(
                                models.Q(
                                    ("state__in", ["abandoned", "failed", "succeeded"]),
                                    _negated=True,
                                ),
                                ("finished_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="run_finished_pairs",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("started_at__isnull", False), ("state", "queued"), _negated=True
                            ),
                            models.Q(
                                ("started_at__isnull", True), ("state", "running"), _negated=True
                            ),
                        ),
                        name="run_started_pairs",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Proposal",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("action", "Action"),
                            ("training", "Training"),
                            ("analysis", "Analysis"),
                        ],
                        default="action",
                        max_length=20,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("proposed", "Proposed"),
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                            ("cancelled", "Cancelled"),
                            ("expired", "Expired"),
                            ("executed", "Executed"),
                            ("failed", "Failed"),
                            ("in_doubt", "In doubt"),
                        ],
                        default="proposed",
                        editable=False,
                        max_length=20,
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("reasoning", models.TextField(blank=True, max_length=10000)),
                (
                    "route",
                    models.CharField(
                        choices=[
                            ("execution", "Execution"),
                            ("supervision", "Supervision"),
                            ("proposal", "Proposal"),
                            ("training", "Training"),
                            ("denied", "Denied"),
                        ],
                        max_length=20,
                    ),
                ),
                ("plan", models.TextField()),
                ("edited_plan", models.TextField(null=True)),
                ("digest", models.CharField(max_length=64)),
                ("fingerprint", models.CharField(max_length=64)),
                ("required_approvals", models.PositiveSmallIntegerField(default=1)),
                ("idempotency_key", models.CharField(max_length=200, null=True)),
                ("body_digest", models.CharField(max_length=64)),
                ("expires_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(editable=False, null=True)),
                ("closing_reason", models.TextField(blank=True, editable=False, max_length=2000)),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proposals",
                        to="governance.agent",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proposals",
                        to="governance.policyversion",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proposals",
                        to="governance.run",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "indexes": [
                    models.Index(
                        fields=["workspace", "state", "created_at", "id"], name="proposal_inbox"
                    ),
                    models.Index(fields=["workspace", "-created_at", "-id"], name="proposal_list"),
                    models.Index(fields=["agent", "-created_at", "-id"], name="proposal_of_agent"),
                    models.Index(
                        condition=models.Q(("state", "proposed")),
                        fields=["expires_at"],
                        name="proposal_overdue",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("agent", "idempotency_key"), name="proposal_key_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["action", "training", "analysis"])),
                        name="proposal_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "route__in",
                                ["execution", "supervision", "proposal", "training", "denied"],
                            )
                        ),
                        name="proposal_route_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "proposed",
                                    "approved",
                                    "in_doubt",
                                    "rejected",
                                    "cancelled",
                                    "expired",
                                    "executed",
                                    "failed",
                                ],
                            )
                        ),
                        name="proposal_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("decided_at__isnull", True), ("decided_by__isnull", True)),
                            models.Q(("decided_at__isnull", False), ("decided_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="proposal_decided_pair",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                (
                                    "state__in",
                                    ["approved", "executed", "failed", "in_doubt", "rejected"],
                                ),
                                _negated=True,
                            ),
                            ("decided_at__isnull", False),
                            _connector="OR",
                        ),
                        name="proposal_decided_by_a_person",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "proposed"), _negated=True),
                            ("decided_at__isnull", True),
                            _connector="OR",
                        ),
                        name="proposal_waiting_is_undecided",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "rejected"), _negated=True),
                            models.Q(("closing_reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="proposal_rejected_with_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("required_approvals__gte", 1)),
                        name="proposal_approvals_positive",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Review",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "verdict",
                    models.CharField(
                        choices=[
                            ("approve", "Approve"),
                            ("reject", "Reject"),
                            ("abstain", "Abstain"),
                        ],
                        max_length=20,
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                ("edited", models.BooleanField(default=False)),
                ("comment", models.TextField(blank=True, max_length=2000)),
                (
                    "proposal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reviews",
                        to="governance.proposal",
                    ),
                ),
                (
                    "reviewer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ("created_at", "id"),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("verdict", "abstain"), _negated=True),
                        fields=("proposal", "reviewer", "digest"),
                        name="review_once_per_person",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("verdict__in", ["approve", "reject", "abstain"])),
                        name="review_verdict_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("verdict", "reject"), _negated=True),
                            models.Q(("comment", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="review_reject_with_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("edited", False), ("verdict", "approve"), _connector="OR"
                        ),
                        name="review_edit_approves",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Execution",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "mode",
                    models.CharField(
                        choices=[("handler", "Handler"), ("agent", "Agent")], max_length=20
                    ),
                ),
                (
                    "cleared_route",
                    models.CharField(
                        choices=[
                            ("execution", "Execution"),
                            ("supervision", "Supervision"),
                            ("proposal", "Proposal"),
                            ("training", "Training"),
                            ("denied", "Denied"),
                        ],
                        max_length=20,
                    ),
                ),
                ("plan", models.TextField()),
                ("digest", models.CharField(max_length=64)),
                ("idempotency_key", models.CharField(max_length=200, null=True)),
                ("body_digest", models.CharField(blank=True, max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("ready", "Ready"),
                            ("claimed", "Claimed"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("in_doubt", "In doubt"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="ready",
                        editable=False,
                        max_length=20,
                    ),
                ),
                ("fencing_token", models.PositiveIntegerField(default=0, editable=False)),
                ("claimed_by", models.CharField(blank=True, editable=False, max_length=200)),
                ("lease_expires_at", models.DateTimeField(editable=False, null=True)),
                ("finished_at", models.DateTimeField(editable=False, null=True)),
                ("error", models.TextField(blank=True, editable=False)),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="executions",
                        to="governance.agent",
                    ),
                ),
                (
                    "proposal",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="execution",
                        to="governance.proposal",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="executions",
                        to="governance.run",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "indexes": [
                    models.Index(fields=["workspace", "-created_at", "-id"], name="execution_list"),
                    models.Index(
                        condition=models.Q(("state", "ready")),
                        fields=["created_at", "id"],
                        name="execution_ready",
                    ),
                    models.Index(
                        condition=models.Q(("state", "in_doubt")),
                        fields=["workspace", "-created_at", "-id"],
                        name="execution_in_doubt",
                    ),
                    models.Index(
                        condition=models.Q(("state", "claimed")),
                        fields=["lease_expires_at"],
                        name="execution_leases",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("agent", "idempotency_key"), name="execution_key_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("mode__in", ["handler", "agent"])),
                        name="execution_mode_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "cleared_route__in",
                                ["execution", "supervision", "proposal", "training", "denied"],
                            )
                        ),
                        name="execution_route_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                ["ready", "claimed", "in_doubt", "done", "failed", "cancelled"],
                            )
                        ),
                        name="execution_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state__in", ["claimed"]), ("lease_expires_at__isnull", False)
                            ),
                            models.Q(
                                models.Q(("state__in", ["claimed"]), _negated=True),
                                ("lease_expires_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="execution_lease_pairs",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state__in", ["cancelled", "done", "failed"]),
                                ("finished_at__isnull", False),
                            ),
                            models.Q(
                                models.Q(
                                    ("state__in", ["cancelled", "done", "failed"]), _negated=True
                                ),
                                ("finished_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="execution_finished_pairs",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "failed"), _negated=True),
                            models.Q(("error", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="execution_failed_says_why",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExecutionStep",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("position", models.PositiveSmallIntegerField()),
                ("step", models.CharField(max_length=50)),
                ("action_type", models.CharField(max_length=100)),
                (
                    "effect",
                    models.CharField(
                        choices=[
                            ("local", "Local (this database)"),
                            ("keyed", "Keyed (the far side dedups)"),
                            ("unkeyed", "Unkeyed (the far side does not dedup)"),
                        ],
                        max_length=20,
                    ),
                ),
                ("idempotency_key", models.CharField(max_length=100)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("sent", "Sent"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("in_doubt", "In doubt"),
                            ("not_run", "Not run"),
                        ],
                        default="pending",
                        editable=False,
                        max_length=20,
                    ),
                ),
                ("sent_at", models.DateTimeField(editable=False, null=True)),
                ("finished_at", models.DateTimeField(editable=False, null=True)),
                ("output", models.TextField(blank=True, editable=False)),
                ("error", models.TextField(blank=True, editable=False)),
                (
                    "execution",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="steps",
                        to="governance.execution",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ("execution", "position"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("execution", "position"), name="step_position_once"
                    ),
                    models.UniqueConstraint(fields=("execution", "step"), name="step_id_once"),
                    models.UniqueConstraint(
                        fields=("idempotency_key",), name="step_idempotency_key_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("effect__in", ["local", "keyed", "unkeyed"])),
                        name="step_effect_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                ["pending", "sent", "in_doubt", "done", "failed", "not_run"],
                            )
                        ),
                        name="step_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state__in", ["done", "failed", "not_run"]),
                                ("finished_at__isnull", False),
                            ),
                            models.Q(
                                models.Q(
                                    ("state__in", ["done", "failed", "not_run"]), _negated=True
                                ),
                                ("finished_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="step_finished_pairs",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["sent", "in_doubt"]), _negated=True),
                            ("sent_at__isnull", False),
                            _connector="OR",
                        ),
                        name="step_sent_has_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "failed"), _negated=True),
                            models.Q(("error", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="step_failed_says_why",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Canvas",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("chart", "Chart"),
                            ("sheet", "Sheet"),
                            ("form", "Form"),
                            ("markdown", "Markdown"),
                        ],
                        max_length=20,
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("content", models.JSONField()),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="canvases",
                        to="governance.agent",
                    ),
                ),
                (
                    "step",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="canvas",
                        to="governance.executionstep",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.workspace",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "canvases",
                "ordering": ("-created_at", "-id"),
                "indexes": [
                    models.Index(fields=["workspace", "-created_at", "-id"], name="canvas_list")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["chart", "sheet", "form", "markdown"])),
                        name="canvas_kind_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Decision",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("trigger", "Trigger"), ("action", "Action")], max_length=20
                    ),
                ),
                ("action_type", models.CharField(blank=True, max_length=100)),
                ("step", models.CharField(blank=True, max_length=50)),
                ("params_digest", models.CharField(blank=True, max_length=64)),
                (
                    "route",
                    models.CharField(
                        choices=[
                            ("execution", "Execution"),
                            ("supervision", "Supervision"),
                            ("proposal", "Proposal"),
                            ("training", "Training"),
                            ("denied", "Denied"),
                        ],
                        max_length=20,
                    ),
                ),
                ("reasons", models.JSONField(default=list)),
                ("matched_rules", models.JSONField(default=list)),
                ("grant_id", models.CharField(blank=True, max_length=36)),
                (
                    "maturity",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("student", "Student"),
                            ("intern", "Intern"),
                            ("supervised", "Supervised"),
                            ("autonomous", "Autonomous"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="governance.agent",
                    ),
                ),
                (
                    "execution",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="governance.execution",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="governance.policyversion",
                    ),
                ),
                (
                    "proposal",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="governance.proposal",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="governance.run",
                    ),
                ),
                (
                    "trigger",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="governance.trigger",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "indexes": [
                    models.Index(fields=["workspace", "-created_at", "-id"], name="decision_list"),
                    models.Index(fields=["agent", "-created_at", "-id"], name="decision_of_agent"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["trigger", "action"])),
                        name="decision_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "route__in",
                                ["execution", "supervision", "proposal", "training", "denied"],
                            )
                        ),
                        name="decision_route_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "trigger"), ("trigger__isnull", False)),
                            models.Q(
                                ("kind", "action"), models.Q(("action_type", ""), _negated=True)
                            ),
                            _connector="OR",
                        ),
                        name="decision_names_its_subject",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LedgerEntry",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=governance.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("kind", models.CharField(max_length=60)),
                ("subject_id", models.UUIDField()),
                ("body", models.BinaryField()),
                (
                    "workspace",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="governance.workspace",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "ledger entries",
                "ordering": ("-id",),
                "indexes": [
                    models.Index(fields=["workspace", "-id"], name="ledger_list"),
                    models.Index(fields=["subject_id", "id"], name="ledger_subject"),
                ],
            },
        ),
    ]
