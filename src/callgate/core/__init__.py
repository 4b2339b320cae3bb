"""Verbs, pure: no clock, randomness, disk, network, log or asyncio. They come in as arguments."""
