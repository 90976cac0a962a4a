#!/usr/bin/python3
"""Serves the channel `greetings`. Debian: apt-get install python3-confluent-kafka. No SDK."""
import json, os
from confluent_kafka import Consumer, Producer

servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
consumer = Consumer({"bootstrap.servers": servers, "group.id": "greetings", "auto.offset.reset": "earliest",
                     "partition.assignment.strategy": "range", "topic.metadata.refresh.interval.ms": 1000})
producer = Producer({"bootstrap.servers": servers})
consumer.subscribe(["mediator.channel.greetings"])

while True:
    event = consumer.poll(1.0)
    if event is None or event.error():
        continue
    headers = dict(event.headers())
    person = json.loads(event.value())["person"]
    producer.produce(headers["ce_replyto"].decode(), partition=int(headers["ce_replypartition"]), key=event.key(),
                     value=json.dumps({"greeting": f"Hello, {person}!"}),
                     headers={"ce_type": "task.completed", "ce_causationid": headers["ce_id"],
                              "ce_correlationid": headers["ce_correlationid"]})
    producer.poll(0)
