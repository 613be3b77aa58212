"""The people of a practice: what each role may look at and change, on top of what was granted to the practice; pure.

A grant says what a practice may see. Of that each of its people sees what their work needs (GDPR articles 5(1)(c) and 32; the
Dutch Civil Code 7:457 lets see those who take part in the treatment, as far as their work asks for it). Nothing widens it: who
needs more is given another role by the administrator of the practice, and the log says by whom.
"""

from enum import StrEnum

from app.access.categories import ALL_PARTS, EVERYTHING, Category


class StaffRole(StrEnum):
    """As what somebody works at a practice; ``NONE`` is who only looks after its logins and keys."""

    GP = "gp"
    PRACTICE_NURSE = "practice-nurse"
    ASSISTANT = "assistant"
    NONE = "none"


MAY_SEE: dict[StaffRole, Category] = {
    # Treats the person.
    StaffRole.GP: EVERYTHING,
    # Takes care of people with a long illness; what people find sensitive is for the GP.
    StaffRole.PRACTICE_NURSE: ALL_PARTS,
    # Plans visits, answers messages and passes on what somebody measured.
    StaffRole.ASSISTANT: Category.APPOINTMENTS
    | Category.PERSONAL_DETAILS
    | Category.MESSAGES
    | Category.OWN_MEASUREMENTS,
    # Does not take part in any treatment.
    StaffRole.NONE: Category(0),
}
"""The parts that each role may look at, if they were granted to the practice."""

MAY_CHANGE: dict[StaffRole, Category] = {
    StaffRole.GP: Category.CARE_PLAN | Category.SENSITIVE,
    StaffRole.PRACTICE_NURSE: Category.CARE_PLAN,
    StaffRole.ASSISTANT: Category(0),
    StaffRole.NONE: Category(0),
}
"""The parts to which each role may add, and in which it may change something, if that was granted: the plan is made together."""
