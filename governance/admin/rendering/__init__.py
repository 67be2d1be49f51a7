"""Pure drawing: text, charts, markdown and forms. Whatever an agent sent is hostile input here."""
