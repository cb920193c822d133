"""The studio's engine room: from an instruction to a live page. Never imports train/, never imports chainlit."""
