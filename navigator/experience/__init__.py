"""Experience: what each action came to on the earlier tasks that are most like this one."""
