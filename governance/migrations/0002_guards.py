"""The database itself refuses to change the ledger and published policy."""

from django.db import migrations

from governance.ledger import guards


def install(apps, schema_editor):
    """Create the triggers."""
    guards.install(schema_editor.connection)


def remove(apps, schema_editor):
    """Drop the triggers."""
    guards.remove(schema_editor.connection)


class Migration(migrations.Migration):
    """After the tables."""

    dependencies = [("governance", "0001_initial")]
    operations = [migrations.RunPython(install, remove)]
