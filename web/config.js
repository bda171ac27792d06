/** What this installation offers: config.json beside the page, from the laptop's server or written at deploy. */

import { answered } from "./api.js";

/**
 * @typedef {object} Config
 * @property {string} api            address of the API
 * @property {boolean|null} api_key  whether the API wants a key; null: not known, so asked for once it refuses
 * @property {boolean} edits         tags and blocking can be changed
 * @property {boolean} uploads       pictures can be added to the catalogue
 * @property {boolean} metrics       what people do with answers can be seen
 * @property {boolean} local         a laptop, which tells how far indexing is
 */

/** Whatever cannot be read is taken for absent: the page then shows, and offers nothing that may be refused. @returns {Promise<Config>} */
export async function configured() {
  const told = await answered(new URL("config.json", document.baseURI).href)
    .then((response) => response.json())
    .catch(() => null);
  const { api, api_key: key, edits, uploads, local, metrics } = told ?? {};
  return {
    api: typeof api === "string" ? api : "/v1",
    api_key: typeof key === "boolean" ? key : null,
    edits: edits === true,
    uploads: uploads === true,
    metrics: metrics !== false,
    local: local === true,
  };
}
