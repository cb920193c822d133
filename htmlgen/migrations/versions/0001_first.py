"""The first tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("accounts_pkey")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("api_keys_pkey")),
    )
    op.create_index(op.f("api_keys_account_index"), "api_keys", ["account"], unique=False)
    op.create_index(op.f("api_keys_hash_index"), "api_keys", ["hash"], unique=False)
    op.create_table(
        "elements",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("threadId", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("chainlitKey", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display", sa.Text(), nullable=True),
        sa.Column("objectKey", sa.Text(), nullable=True),
        sa.Column("size", sa.Text(), nullable=True),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("forId", sa.Text(), nullable=True),
        sa.Column("mime", sa.Text(), nullable=True),
        sa.Column("props", sa.Text(), nullable=True),
        sa.Column("autoPlay", sa.Boolean(), nullable=True),
        sa.Column("playerConfig", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("elements_pkey")),
    )
    op.create_index(op.f("elements_forId_index"), "elements", ["forId"], unique=False)
    op.create_index(op.f("elements_threadId_index"), "elements", ["threadId"], unique=False)
    op.create_table(
        "feedbacks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("forId", sa.Text(), nullable=False),
        sa.Column("threadId", sa.Text(), nullable=True),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("feedbacks_pkey")),
    )
    op.create_index(op.f("feedbacks_forId_index"), "feedbacks", ["forId"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("createdAt", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("users_pkey")),
        sa.UniqueConstraint("identifier", name=op.f("users_identifier_key")),
    )
    op.create_table(
        "threads",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("createdAt", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("userId", sa.Text(), nullable=True),
        sa.Column("userIdentifier", sa.Text(), nullable=True),
        sa.Column("tags", sa.Text().with_variant(postgresql.ARRAY(sa.Text()), "postgresql"), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["userId"], ["users.id"], name=op.f("threads_userId_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("threads_pkey")),
    )
    op.create_index(op.f("threads_userId_index"), "threads", ["userId"], unique=False)
    op.create_table(
        "steps",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("threadId", sa.Text(), nullable=False),
        sa.Column("parentId", sa.Text(), nullable=True),
        sa.Column("command", sa.Text(), nullable=True),
        sa.Column("modes", sa.Text(), nullable=True),
        sa.Column("streaming", sa.Boolean(), nullable=True),
        sa.Column("waitForAnswer", sa.Boolean(), nullable=True),
        sa.Column("isError", sa.Boolean(), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=True),
        sa.Column("tags", sa.Text().with_variant(postgresql.ARRAY(sa.Text()), "postgresql"), nullable=True),
        sa.Column("input", sa.Text(), nullable=True),
        sa.Column("output", sa.Text(), nullable=True),
        sa.Column("createdAt", sa.Text(), nullable=True),
        sa.Column("start", sa.Text(), nullable=True),
        sa.Column("end", sa.Text(), nullable=True),
        sa.Column("generation", sa.Text(), nullable=True),
        sa.Column("showInput", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("indent", sa.Integer(), nullable=True),
        sa.Column("defaultOpen", sa.Boolean(), nullable=True),
        sa.Column("autoCollapse", sa.Boolean(), nullable=True),
        sa.Column("icon", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["threadId"], ["threads.id"], name=op.f("steps_threadId_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("steps_pkey")),
    )
    op.create_index(op.f("steps_threadId_index"), "steps", ["threadId"], unique=False)
    op.create_table(
        "versions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("chat", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("instruction", sa.Text(), nullable=False),
        sa.Column("input", sa.Text(), nullable=True),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("adapter", sa.Text(), nullable=True),
        sa.Column(
            "sampling", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.Column(
            "usage", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=True
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("origin IN ('model', 'hand', 'upload', 'restore')", name=op.f("versions_origin_check")),
        sa.CheckConstraint(
            "state IN ('writing', 'finished', 'cut', 'stopped', 'failed')", name=op.f("versions_state_check")
        ),
        sa.ForeignKeyConstraint(["chat"], ["threads.id"], name=op.f("versions_chat_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["parent"], ["versions.id"], name=op.f("versions_parent_fkey"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("versions_pkey")),
        sa.UniqueConstraint("chat", "number", name=op.f("versions_chat_number_key")),
    )
    op.create_index("versions_owner_created_at_index", "versions", ["owner", "created_at"], unique=False)
    op.create_index(op.f("versions_parent_index"), "versions", ["parent"], unique=False)
    op.create_table(
        "preferences",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("chosen", sa.Text(), nullable=False),
        sa.Column("rejected", sa.Text(), nullable=False),
        sa.Column("tie", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('compare', 'hand', 'fix')", name=op.f("preferences_kind_check")),
        sa.ForeignKeyConstraint(["chosen"], ["versions.id"], name=op.f("preferences_chosen_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["rejected"], ["versions.id"], name=op.f("preferences_rejected_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("preferences_pkey")),
    )
    op.create_index(op.f("preferences_chosen_index"), "preferences", ["chosen"], unique=False)
    op.create_index(op.f("preferences_rejected_index"), "preferences", ["rejected"], unique=False)
    op.create_table(
        "publications",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["version_id"], ["versions.id"], name=op.f("publications_version_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("publications_pkey")),
    )
    op.create_index(op.f("publications_owner_index"), "publications", ["owner"], unique=False)
    op.create_index(op.f("publications_version_id_index"), "publications", ["version_id"], unique=False)
    op.create_table(
        "votes",
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("value", sa.SmallInteger(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("value IN (-1, 1)", name=op.f("votes_value_check")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["versions.id"], name=op.f("votes_version_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "owner", name=op.f("votes_pkey")),
    )


def downgrade() -> None:
    op.drop_table("votes")
    op.drop_index(op.f("publications_version_id_index"), table_name="publications")
    op.drop_index(op.f("publications_owner_index"), table_name="publications")
    op.drop_table("publications")
    op.drop_index(op.f("preferences_rejected_index"), table_name="preferences")
    op.drop_index(op.f("preferences_chosen_index"), table_name="preferences")
    op.drop_table("preferences")
    op.drop_index(op.f("versions_parent_index"), table_name="versions")
    op.drop_index("versions_owner_created_at_index", table_name="versions")
    op.drop_table("versions")
    op.drop_index(op.f("steps_threadId_index"), table_name="steps")
    op.drop_table("steps")
    op.drop_index(op.f("threads_userId_index"), table_name="threads")
    op.drop_table("threads")
    op.drop_table("users")
    op.drop_index(op.f("feedbacks_forId_index"), table_name="feedbacks")
    op.drop_table("feedbacks")
    op.drop_index(op.f("elements_threadId_index"), table_name="elements")
    op.drop_index(op.f("elements_forId_index"), table_name="elements")
    op.drop_table("elements")
    op.drop_index(op.f("api_keys_hash_index"), table_name="api_keys")
    op.drop_index(op.f("api_keys_account_index"), table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_table("accounts")
