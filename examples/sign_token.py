import os
import time

import jwt  # PyJWT


def sign_token(user: object, secret: str, **more: object) -> str:
    claims = {"sub": str(user), "exp": int(time.time()) + 3600, **more}
    return jwt.encode(claims, secret, algorithm="HS256")


print(sign_token("ada", os.environ["AUTH_JWT_SECRET"], plan="pro"))
