"""Planted bugs of hearing of a change: what the event says, and when its message is done with."""

from tests.simulator.planted import bugs_in

EMBED = bugs_in(
    "functions.embed.handler",
    """
keys are decoded twice
-        key = unquote_plus(change["s3"]["object"]["key"])  # S3 sends keys URL-encoded
+        key = unquote_plus(unquote_plus(change["s3"]["object"]["key"]))

keys are not decoded
-        key = unquote_plus(change["s3"]["object"]["key"])  # S3 sends keys URL-encoded
+        key = change["s3"]["object"]["key"]

a plus in a key stays a plus
-        key = unquote_plus(change["s3"]["object"]["key"])  # S3 sends keys URL-encoded
+        key = __import__("urllib.parse").parse.unquote(change["s3"]["object"]["key"])

changes are ordered by their sequencers
-        outcome = ingest.sync(key)
+        newest = ingest.__dict__.setdefault("newest", {})
+        sequencer = change["s3"]["object"].get("sequencer", "")
+        if sequencer < newest.get(subject_of(key), ""):
+            continue
+        newest[subject_of(key)] = sequencer
+        outcome = ingest.sync(key)

a change that was heard of before is passed over
-        outcome = ingest.sync(key)
+        heard = ingest.__dict__.setdefault("heard", set())
+        if (known := (key, change["s3"]["object"].get("sequencer"))) in heard:
+            continue
+        heard.add(known)
+        outcome = ingest.sync(key)

what the event says is believed
-        outcome = ingest.sync(key)
+        if change["eventName"].startswith("ObjectRemoved") and key == subject_of(key):
+            ingest._remove(key, ingest._look(key))
+            continue
+        outcome = ingest.sync(key)

a change that failed is acknowledged
-        outcome = ingest.sync(key)
+        try:
+            outcome = ingest.sync(key)
+        except Exception:
+            continue
""",
)

# The poller is Lambda's. That it acknowledges too early nobody could mend; but it would be seen.
POLLER = bugs_in(
    "tests.simulator.world",
    """
a message is done with before the picture is
-            self.embed(message.body)
-            self.messages.delete(message)
+            self.messages.delete(message)
+            self.embed(message.body)
""",
)

QUEUE = bugs_in(
    "lookalike.changes_queue",
    """
reconcile does not encode the keys it sends
-            "s3": {"bucket": {"name": self.bucket}, "object": {"key": quote_plus(key, safe="/")}},
+            "s3": {"bucket": {"name": self.bucket}, "object": {"key": key}},

what the queue refuses is not sent again
-            if not waiting:
-                return
+            return
""",
)
