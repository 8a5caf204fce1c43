"""Every form of the profile and of the admin pages, with fields that it takes. `{}` stands for an id."""

POSTS: dict[str, dict[str, str]] = {
    "/profile": {"nickname": "Ann", "zone": "UTC", "language": ""},
    "/profile/password": {"old": "correct horse", "new": "correct battery"},
    "/profile/claim": {},
    "/profile/tokens": {"title": "Script", "days": "30"},
    "/profile/tokens/{}/end": {},
    "/profile/apps/{}/end": {},
    "/profile/browsers/{}/end": {},
    "/profile/sign-out": {},
}
