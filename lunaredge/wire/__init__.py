"""What crosses a link: messages, topics, codec, session, seal. Pure; knows no transport."""
