// What the page says when the server or the network says no. One table a translator could read.

const SENTENCES = {
  "network": "There is no connection to the server.",
  "room.not_found": "There is no such room.",
  "room.gone": "This room is closed.",
  "room.full": "This room is full.",
  "room.wrong_password": "That password is not right.",
  "room.not_in_room": "You are not in this room.",
  "room.not_host": "Only the host can do that.",
  "room.not_ready": "Not everyone is ready yet.",
  "room.too_few_players": "This game needs more players.",
  "room.too_many_players": "There are too many players for this game.",
  "room.cannot_kick_self": "You cannot remove yourself. Leave instead.",
  "room.user_not_in_room": "That player has already left.",
  "room.needs_approval": "The host of this room lets people in. It can be joined in the game’s own app.",
  "room.cannot_leave": "You cannot leave this room now.",
  "room.too_many": "You are in too many rooms. Leave one first.",
  "room.request_pending": "The host has been asked to let you in.",
  "game.not_found": "This game does not run here.",
  "game.closed": "This game is closed for now.",
  "game.rules_failed": "The game’s rules broke. Whoever runs this server can look into it.",
  "session.not_found": "There is no such game.",
  "session.not_current_player": "It is not your turn.",
  "session.over": "This game is over.",
  "session.not_in_session": "You are not in this game.",
  "session.cannot_leave": "You cannot leave this game now.",
  "session.full": "This game is full.",
  "session.private": "This game is not open to others.",
  "noughts.cell_not_empty": "That square is taken.",
  "request.malformed": "The server did not understand that. Reload the page and try again.",
  "request.key_reused": "That was sent twice in two versions. Try again.",
  "auth.missing": "Choose a name first.",
  "auth.invalid": "The server no longer knows you. Choose your name again.",
  "auth.not_yours": "That is not yours to see.",
  "auth.banned": "You are shut out of this game for now.",
  "request.too_large": "That is too long.",
  "rate.limited": "Too many tries. Wait a moment.",
  "login.bad_credentials": "That name was not accepted.",
  "login.bad_credential_type": "This server does not take guests.",
};

export function words(problem) {
  if (SENTENCES[problem.code]) return SENTENCES[problem.code];
  if (problem.status >= 500) return "Something broke on the server. Try again.";
  if (problem.status === 413) return "That is too long.";
  return "That did not work.";
}

export const plural = (count, one, many = `${one}s`) => (count === 1 ? one : many);
