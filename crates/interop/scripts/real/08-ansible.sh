# Ansible with twenty hosts at once, which are one server: all over one connection, and each over its own; with and without
# pipelining; with files through sftp and without.
export LC_ALL=C.UTF-8 ANSIBLE_CONFIG="$1/ansible.cfg" ANSIBLE_LOCAL_TEMP="$1/tmp" ANSIBLE_NOCOLOR=1
cat >>config <<END
Host many-*
HostName 127.0.0.1
Port $PORT
User nacre
IdentityFile $1/key
BatchMode yes
StrictHostKeyChecking yes
UserKnownHostsFile $1/known_hosts
END
cat >ansible.cfg <<END
[defaults]
interpreter_python = /usr/bin/python3
forks = 20
[ssh_connection]
ssh_args = -F $1/config -o ControlMaster=auto -o ControlPersist=20s
control_path_dir = $1/cp
END
{
    echo '[one]'
    for number in $(seq 1 20); do echo "one-$number ansible_host=peer"; done
    echo '[many]'
    for number in $(seq 1 20); do echo "many-$number"; done
} >hosts
random 1 >file
cat >play.yml <<'END'
- hosts: all
  gather_facts: false
  tasks:
    - copy: { src: file, dest: "ansible-{{ inventory_hostname }}" }
    - shell: 'cmp ansible-{{ inventory_hostname }} ansible-{{ groups[group_names[0]][0] }} && seq 1 20000; echo to stderr >&2'
      register: said
    - assert:
        that: [said.stdout_lines | length == 20000, said.stderr == "to stderr"]
END
good() {
    [ "$(grep -c "ok=3 .*unreachable=0 .*failed=0" out)" = 20 ] || { cat out; false; }
}
for group in one many; do
    for pipelining in False True; do
        export ANSIBLE_PIPELINING=$pipelining
        ansible-playbook -f 20 -i hosts -l "$group" play.yml >out 2>&1 </dev/null || { cat out; exit 1; }
        good
    done
done
