"""What the Dag files share: how a drop is found and claimed, how a stage is started, and how its end is judged.

Data flows one way: ``Dag file → stage task → operator → attempt → (conf, verdict, retry) → store → settings``. What worker and
commands have in common with it is `pipeline_contract`'s. Nothing here touches a network, a Variable or a Connection while a Dag
file is parsed.
"""
