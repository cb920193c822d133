"""What the chat shows. app.py has the hooks that Chainlit calls; only app.py and this package know Chainlit."""
