// Messages for errors of the server and the network, by error code.

import { t } from "./i18n.js";

const ERROR_MESSAGES = {
  "network": t("No connection to the server. Check your network."),
  "room.not_found": t("Room not found"),
  "room.gone": t("This room is closed."),
  "room.full": t("This room is full."),
  "room.wrong_password": t("Wrong password. Try again."),
  "room.not_in_room": t("You are not in this room."),
  "room.not_host": t("Only the host can do this."),
  "room.not_ready": t("Not everyone is ready yet."),
  "room.too_few_players": t("This game needs more players."),
  "room.too_many_players": t("Too many players for this game."),
  "room.cannot_kick_self": t("You can’t kick yourself. Leave the room instead."),
  "room.user_not_in_room": t("This player has already left."),
  "room.needs_approval": t("The host approves new players. Join this room in the game’s own app."),
  "room.cannot_leave": t("You can’t leave this room now."),
  "room.too_many": t("You are in too many rooms. Leave one first."),
  "room.request_answered": t("This request was already answered, or it has ended."),
  "room.request_not_found": t("This request was already answered, or it has ended."),
  "room.user_elsewhere": t("This player has taken a seat elsewhere."),
  "room.request_pending": t("Request sent. The host must approve it."),
  "game.not_found": t("This game is not available on this server."),
  "game.closed": t("This game is currently closed."),
  "game.rules_failed": t("The rules of the game failed. Contact the administrator of this server."),
  "session.not_found": t("Game not found"),
  "session.not_current_player": t("It is not your turn."),
  "session.over": t("This game is over."),
  "session.not_in_session": t("You are not in this game."),
  "session.cannot_leave": t("You can’t leave this game now."),
  "session.full": t("This game is full."),
  "session.private": t("This game is private."),
  "noughts.cell_not_empty": t("This square is taken."),
  "request.malformed": t("The request was not valid. Reload the page and try again."),
  "request.key_reused": t("The request was already sent with different content. Try again."),
  "auth.missing": t("Choose a name first."),
  "auth.invalid": t("Your session expired. Choose your name again."),
  "auth.not_yours": t("You don’t have access to this page"),
  "auth.banned": t("You are banned from this game."),
  "request.too_large": t("The text is too long."),
  "rate.limited": t("Too many attempts. Wait a moment and try again."),
  "login.bad_credentials": t("This name is not allowed. Choose another one."),
  "login.bad_credential_type": t("This server does not allow guests."),
};

export function errorText(problem) {
  if (ERROR_MESSAGES[problem.code]) return ERROR_MESSAGES[problem.code];
  if (problem.status >= 500) return t("Something went wrong. Try again.");
  if (problem.status === 413) return t("The text is too long.");
  return t("Something went wrong. Try again.");
}

/** What to do about an error of a room or game that cannot be shown. */
const ADVICE = {
  "room.not_found": t("Check the link. Closed rooms are deleted after a while."),
  "room.gone": t("Join another room or create one."),
  "room.full": t("Join another room or create one."),
  "game.not_found": t("Check the link, or choose another game."),
  "game.closed": t("Choose another game."),
  "session.not_found": t("The game may have ended, or you are not one of its players."),
  "session.not_in_session": t("The game may have ended, or you are not one of its players."),
  "session.private": t("The game may have ended, or you are not one of its players."),
  "auth.not_yours": t("The game may have ended, or you are not one of its players."),
};

/** Return what the player can do after an error of a page; empty if its message says that. */
export const errorAdvice = (problem) => ADVICE[problem.code] ?? "";
