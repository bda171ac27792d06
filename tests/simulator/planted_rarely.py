"""Planted bugs that take hundreds of schedules to be met: the long form alone looks for them."""

from tests.simulator.planted import bugs_in

RARELY_IN_INGEST = bugs_in(
    "lookalike.ingest",
    """
what is written after the deletion stays
-            if seen == made:
+            if seen == made or not seen.version.etag:

a sidecar that changed meanwhile is not looked at again
-            if seen == made:
+            if seen.version.etag == made.version.etag and seen.models == made.models:

a reject is of the version that was seen before it was read
-            return self._reject(key, _of(error.etag or etag, seen), error)
+            return self._reject(key, seen, error)

nobody looks again after clearing a reject
         self.rejects.clear(image_id_of(key))
-        return seen
+        return None

bytes are filed under the etag that was seen before they were read
-            if etag != seen.version.etag:  # it changed since we looked: what was current is not
-                behind, known = seen.models, None
-            return "indexed", self._index(key, _of(etag, seen), data, behind, known)
+            return "indexed", self._index(key, seen, data, behind, known)

a reject beside a current point stays
-            return "unchanged", self._vindicate(key, seen)
+            return "unchanged", None
""",
)

RARELY_IN_REINDEX = bugs_in(
    "lookalike.reindex",
    """
a model is gone back to that is behind
-        if behind := self._behind(state.previous, state.live, or_live_is_lost=True):
+        if behind := ():
""",
)

RARELY_IN_RECONCILE = bugs_in(
    "lookalike.reconcile",
    """
reconcile looks at the live collection alone
-        live, *others = self.serving.read()[0].models()
+        live, others = self.serving.read()[0].live, ()

reconcile passes over rejects that are of nothing any more
     outdated = frozenset(
-        one.key for one in recorded if one.key not in refused or one.image_id in thumbnails
+        one.key for one in recorded if one.key in pictures and one.key not in refused
     )
""",
)

RARE = (
    *RARELY_IN_INGEST,
    *RARELY_IN_REINDEX,
    *RARELY_IN_RECONCILE,
)
