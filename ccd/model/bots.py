"""Words of conversations with bots: for the configuration, the engines and the channel that holds them."""

CHANNEL = "bot"
"""Name of the built-in channel that talks with bots; its legs are `bot:CONVERSATION`."""
ENDED, LEFT, FAILED, TOO_LONG = "ended", "left", "failed", "too long"
"""How a conversation came to its end: the variable `bot_end`."""
HOW, WHY = "bot_end", "bot_reason"
"""Variables that a conversation leaves behind beside those of the bot."""
MOST_CHARACTERS = 4000
"""Of one text, either way."""
