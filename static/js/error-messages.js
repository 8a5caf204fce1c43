// What the page says when the server or the network says no. One table a translator could read.

import { t } from "./i18n.js";

const ERROR_MESSAGES = {
  "network": t("There is no connection to the server."),
  "room.not_found": t("There is no such room."),
  "room.gone": t("This room is closed."),
  "room.full": t("This room is full."),
  "room.wrong_password": t("That password is not right."),
  "room.not_in_room": t("You are not in this room."),
  "room.not_host": t("Only the host can do that."),
  "room.not_ready": t("Not everyone is ready yet."),
  "room.too_few_players": t("This game needs more players."),
  "room.too_many_players": t("There are too many players for this game."),
  "room.cannot_kick_self": t("You cannot remove yourself. Leave instead."),
  "room.user_not_in_room": t("That player has already left."),
  "room.needs_approval": t("The host of this room lets people in. It can be joined in the game’s own app."),
  "room.cannot_leave": t("You cannot leave this room now."),
  "room.too_many": t("You are in too many rooms. Leave one first."),
  "room.request_pending": t("The host has been asked to let you in."),
  "game.not_found": t("This game does not run here."),
  "game.closed": t("This game is closed for now."),
  "game.rules_failed": t("The game’s rules broke. Whoever runs this server can look into it."),
  "session.not_found": t("There is no such game."),
  "session.not_current_player": t("It is not your turn."),
  "session.over": t("This game is over."),
  "session.not_in_session": t("You are not in this game."),
  "session.cannot_leave": t("You cannot leave this game now."),
  "session.full": t("This game is full."),
  "session.private": t("This game is not open to others."),
  "noughts.cell_not_empty": t("That square is taken."),
  "request.malformed": t("The server did not understand that. Reload the page and try again."),
  "request.key_reused": t("That was sent twice in two versions. Try again."),
  "auth.missing": t("Choose a name first."),
  "auth.invalid": t("The server no longer knows you. Choose your name again."),
  "auth.not_yours": t("That is not yours to see."),
  "auth.banned": t("You are shut out of this game for now."),
  "request.too_large": t("That is too long."),
  "rate.limited": t("Too many tries. Wait a moment."),
  "login.bad_credentials": t("That name was not accepted."),
  "login.bad_credential_type": t("This server does not take guests."),
};

export function errorText(problem) {
  if (ERROR_MESSAGES[problem.code]) return ERROR_MESSAGES[problem.code];
  if (problem.status >= 500) return t("Something broke on the server. Try again.");
  if (problem.status === 413) return t("That is too long.");
  return t("That did not work.");
}
