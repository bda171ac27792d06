"""Planted bugs of following one key: looking, reading, judging, writing, and looking again."""

from tests.simulator.planted import bugs_in

INGEST = bugs_in(
    "lookalike.ingest",
    """
nobody looks again after writing
-            seen = self._look(key)
-            if seen == made:
-                return outcome
+            return outcome

the serving state is not looked at again
-            if seen == made:
+            if seen.version == made.version:

giving up counts as done
-        for _ in range(MAX_ROUNDS):
+        for _ in range(1):
             outcome, made = self._agree(key, seen)
             if made is None:
                 return outcome
             seen = self._look(key)
             if seen == made:
                 return outcome
-        raise StoreUnavailable(f"{key!r} keeps changing while it is read.")
+        return outcome

the serving state is remembered
-        models = self.serving.read()[0].models()
+        models = self.serving.recent().models()

only the live collection follows
-        models = self.serving.read()[0].models()
+        models = self.serving.read()[0].models()[:1]

the next collection is forgotten
-        models = self.serving.read()[0].models()
+        state = self.serving.read()[0]
+        models = tuple(model for model in state.models() if model != state.next)

the previous collection is forgotten
-        models = self.serving.read()[0].models()
+        state = self.serving.read()[0]
+        models = tuple(model for model in state.models() if model != state.previous)

a fault of a dependency counts as a broken picture
-        except UnreadableImage as error:
+        except Exception as fault:
+            error = UnreadableImage("corrupt", str(fault))

one vector is put into every collection
-            self.index.put(model, replace(image, model=model), encoder.encode([picture.pixels])[0])
+            vector = encoders[0].encode([picture.pixels])[0]
+            self.index.put(model, replace(image, model=model), vector)

a mended picture is still said to be broken
-        self.rejects.clear(image.image_id)
         version = Version(image.etag, image.sidecar_etag, image.thumbnail)

a sidecar that cannot be read counts as none
-                return "blocked", f"its sidecar cannot be read: {error}", sidecar, etag
+                return "visible", "", sidecar, etag

a picture that nobody could judge is shown
-        return verdict.status, verdict.reason, sidecar, etag
+        status = "unsafe" if verdict.status == "unsafe" else "visible"
+        return status, verdict.reason, sidecar, etag

what a machine says overrides what a person says
-        if sidecar.moderation == "unsafe":
-            return "unsafe", "marked unsafe in its sidecar", sidecar, etag

a deleted picture stays in all collections but the live one
-        for model in seen.models:
-            self.index.delete(model, image_id)
+        for model in seen.models[:1]:
+            self.index.delete(model, image_id)

the thumbnail of a deleted picture stays
-        self.derived.delete(thumbnail_of(image_id))
         self.rejects.clear(image_id)
-        return "removed", replace(seen, version=GONE)
+        return "removed", replace(seen, version=replace(GONE, thumbnail=seen.version.thumbnail))

the reject of a deleted picture stays
-        self.rejects.clear(image_id)
         return "removed", replace(seen, version=GONE)

a picture that was overwritten by a broken one stays in the index
-        self._remove(key, seen)  # what was indexed before shows a picture that is no more
+        self.derived.delete(thumbnail_of(image_id_of(key)))

a moderator that does not answer has no objection
-        verdict = self.moderator.review(picture.pixels)
+        try:
+            verdict = self.moderator.review(picture.pixels)
+        except Exception:
+            return "visible", "", sidecar, etag
""",
)

CATALOGUE = bugs_in(
    "lookalike.catalogue",
    """
a sidecar that changed is no change
-        made_of = Version(self.etag, self.sidecar_etag, self.thumbnail)
+        made_of = Version(self.etag, version.sidecar_etag, self.thumbnail)

the thumbnail may be of any version
-        made_of = Version(self.etag, self.sidecar_etag, self.thumbnail)
+        made_of = Version(self.etag, self.sidecar_etag, version.thumbnail)

the event of a sidecar is about nothing
-    return key.removesuffix(SIDECAR_SUFFIX)
+    return key
""",
)

REJECTS = bugs_in(
    "lookalike.rejects",
    """
a reject is for ever
-        self.derived.delete(_object(image_id))
+        pass
""",
)
