"""What a document says, pure: `document` puts it together, `words` says a schedule, `rich_text` takes markup apart."""
