# SPDX-License-Identifier: Apache-2.0
# The guest of vhost_tempest_plugin.host.kvm_probe; test_probe.py assembles and compares it.
# The reset vector jumps to the beginning, which is at 0xffff0000.
.code16
start:
  cli
  lgdtl %cs:gdtr-start
  movl %cr0,%eax
  orb $1,%al
  movl %eax,%cr0
  ljmpl $8,$(0xffff0000+p32-start)
.code32
p32:
  movl $16,%eax
  movl %eax,%ds
  movl %eax,%es
  movl %eax,%ss
  movl $0x8000,%esp
# page tables: 0x1000 PML4, 0x2000 PDPT, 0x3000 PD of the first GiB, 0x4000 PD of the fourth
  xorl %eax,%eax
  movl $0x1000,%edi
  movl $0x1000,%ecx
  cld
  rep stosl
  movl $0x2007,0x1000
  movl $0x3007,0x2000
  movl $0x4007,0x2018
  movl $0x87,0x3000
  movl $0xffe00087,0x4ff8
  movl $0x1000,%eax
  movl %eax,%cr3
  movl %cr4,%eax
  orl $0x20,%eax
  movl %eax,%cr4
  movl $0xc0000080,%ecx
  rdmsr
  orl $0x100,%eax
  wrmsr
  movl %cr0,%eax
  orl $0x80000000,%eax
  movl %eax,%cr0
  ljmpl $24,$(0xffff0000+p64-start)
.code64
p64:
# an IDT at 0x5000 whose entry 3 (breakpoint) is the end of the program
  movl $(0xffff0000+trap-start),%eax
  movl $0x5030,%edi
  movw %ax,(%rdi)
  movw $24,2(%rdi)
  movw $0x8e00,4(%rdi)
  shrl $16,%eax
  movw %ax,6(%rdi)
  movl $(0xffff0000+idtr-start),%ebx
  lidt (%rbx)
  movl $1000000,%ecx
1: decl %ecx
  jnz 1b
  int3
  movb $1,%al
  jmp out
trap:
  movb $42,%al
out:
  outb %al,$0xf4
2: hlt
  jmp 2b
.balign 8
gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
gdtr: .word 31
 .long 0xffff0000+gdt-start
idtr: .word 0x3f
 .quad 0x5000
