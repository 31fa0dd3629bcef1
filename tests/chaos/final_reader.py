"""Who reads everything when a chaos run is over."""
import contextlib

import environment  # noqa: F401  (makes the next ones importable)
from feed_client import Client, Disconnected, FeedError
from people import Person, names_request, read_shares
from talkers import read_dialogue, read_inbox
from wait import wait_until
from world import INBOXES


class FinalReader(Person):
    """Reads everything at one daemon when nothing happens any more."""

    def __init__(self, world, daemon, newcomers):
        super().__init__(world, f"final reader at {daemon}")
        self.daemon = daemon
        self.newcomers = newcomers

    def live(self):
        for author in self.world.authors:
            self.insist(lambda name=author: read_shares(self, "profile", name, final=True, daemon=self.daemon))
        for name in {*self.world.readers, *self.world.authors}:
            self.insist(lambda of=name: self.read_names("blocked", of))
        for subject in INBOXES:
            self.insist(lambda of=subject: read_inbox(self, of, self.daemon))
        for author, share in sorted({comment[:2] for comment in self.world.comments}):
            self.insist(lambda of=(author, share): read_dialogue(self, *of, self.daemon))
        for reader in self.world.readers + self.world.sample + self.newcomers:
            self.insist(lambda name=reader: self.read_names("following", name))
            self.insist(lambda name=reader: self.read_names("muted", name))
            self.insist(lambda name=reader: read_shares(self, "timeline", name, final=True, daemon=self.daemon))

    def insist(self, action):
        wait_until(lambda: self.connect_here() and action(), timeout=30, what="a final read to be answered")

    def connect_here(self):
        if not self.client:
            with contextlib.suppress(OSError, Disconnected, AssertionError):
                self.client = Client(self.world.address_of(self.daemon), timeout=20)
        return self.client

    def read_names(self, what, reader):
        begin = self.recorder.now()
        try:
            names = list(self.client.call(names_request(what, reader)).subjects)
        except (FeedError, OSError, Disconnected, AssertionError):
            self.drop()
            return False
        self.recorder.add(**{"is": "read", "what": what, "of": reader, "daemon": self.daemon, "begin": begin,
                             "end": self.recorder.now(), "final": True, "items": names})
        return True
