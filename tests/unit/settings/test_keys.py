from callrouter.settings.keys import list_groups, list_keys, name_variable
from callrouter.settings.model import Settings


def test_list_groups_has_every_group_of_the_settings() -> None:
    assert list(list_groups()) == list(Settings.model_fields)


def test_list_keys_names_each_setting_once() -> None:
    keys = list_keys()
    assert len(keys) == len(set(keys))
    assert {"router.sip_tcp_listening_port", "mailbox.port_offset", "log.calls"} <= set(keys)


def test_name_variable_is_upper_case_with_two_underscores_between_levels() -> None:
    assert name_variable("router", "bind_address") == "CALLROUTER_ROUTER__BIND_ADDRESS"
    assert len({name_variable(*key.split(".")) for key in list_keys()}) == len(list_keys())
