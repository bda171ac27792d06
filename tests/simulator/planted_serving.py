"""Planted bugs of who serves: filling, switching, going back, retiring; and of finding drift."""

from tests.simulator.planted import bugs_in

REINDEX = bugs_in(
    "lookalike.reindex",
    """
a model is switched to before it is verified
-        if behind := self._behind(model, state.live):
+        if behind := ():

the previous collection is retired at once
-        retired = tuple(model for model in present if model not in serving)
+        retired = tuple(model for model in present if model not in serving[:-1])

a trial begins with a collection that lacks pictures
-        if not found.ready:
+        if found.problems:
""",
)


RECONCILE = bugs_in(
    "lookalike.reconcile",
    """
reconcile passes over what only the index has
-            orphaned.add(image.key)
+            continue

reconcile passes over sidecars
-        elif image.is_current(model, held.version(image.key, image.image_id)):
+        elif image.etag == held.pictures[image.key] and image.thumbnail == held.thumbnails.get(
+            image.image_id
+        ):

reconcile takes a reject of older bytes for the answer
-    refused = {one.key: one.reason for one in recorded if pictures.get(one.key) == one.etag}
+    refused = {one.key: one.reason for one in recorded if one.key in pictures}
""",
)

MODELS = bugs_in(
    "lookalike.models",
    """
a new model is no collection to follow
-        named = (self.live, self.next, self.previous)
+        named = (self.live, self.previous)

the way back is no collection to follow
-        named = (self.live, self.next, self.previous)
+        named = (self.live, self.next)
""",
)
