#!/bin/sh
echo "# reviewed by nobody yet" >> "$1"
