/** What a person changes of a picture: tags, blocked or not. */

/** @typedef {import("./api.js").Picture} Picture */

const CHECKS = [600, 1200, 2400, 5000]; // ms between looks at a picture that is being checked

/**
 * Whether an unblocked picture may be shown is found out after the change was answered, so it is looked at again.
 * @param {import("./api.js").Api} api @param {string} id @param {object} changes
 * @yields {Picture} the picture as it is by now
 */
export async function* edited(api, id, changes) {
  let picture = await api.change(id, changes);
  yield picture;
  for (const pause of CHECKS) {
    if (picture.status !== "unmoderated") return;
    await new Promise((resolve) => setTimeout(resolve, pause));
    picture = await api.image(id);
    yield picture;
  }
}
