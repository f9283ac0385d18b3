using System.Buffers.Binary;
using Ioasis.Client;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

// Drives a DSA (8086:0b25) at 1000:00:05.0 with this program's own pointers: one dedicated work queue with the
// process's PASID, one descriptor, one completion record. See docs/devices/dsa.md and docs/sva.md. Argument "nodes":
// uses the nodes of `ioasis run`; otherwise a machine in this process.
using NodeTransport nodes = args is ["nodes"]
    ? NodeTransport.OfSystem()
    : NodeTransport.InProcess(SoftwareMachine.Create(MachineDescription.Default.WithDevice("dsa")));

const uint EnableDevice = 1, ResetDevice = 5, EnableQueue = 6; // commands
// an operation, and its flags: the record's address is valid, and a record is requested
const uint Memmove = 3, WantsRecord = 0x4 | 0x8;
const int Length = 3 * 4096;

using IommuContext iommu = IommuContext.Open(nodes);
using VfioDevice device = VfioDevice.Open(nodes, new RequesterId(0x1000, 0, 5, 0));
device.Bind(iommu);
using SvaContext sva = SvaContext.Open(nodes);
Pasid pasid = sva.BindProcess();
device.Attach(sva, pasid);
device.EnableBusMaster();
VfioRegion registers = device.GetRegion(0), portals = device.GetRegion(2);

// Group 0 has queue 0 and engine 0. Queue 0 has all entries of the device; it is dedicated, with priority 1, the
// process's PASID and the device's own limits.
Command(ResetDevice);
ulong capabilities = registers.Read<ulong>(0x10), offsets = registers.Read<ulong>(0x60);
ulong group = (offsets & 0xffff) * 0x100, queue = ((offsets >> 16) & 0xffff) * 0x100;
registers.Write(group, 1UL);
registers.Write(group + 32, 1UL);
registers.Write(queue, (uint)registers.Read<ushort>(0x20));
registers.Write(queue + 8, 0x11u | (pasid.Value << 8) | (1u << 28));
registers.Write(queue + 12, (uint)(capabilities >> 16) & 0x1ff);
registers.Write(queue + 32, 1UL << (int)Memmove);
Command(EnableDevice);
Command(EnableQueue);

using UserMemory memory = nodes.Allocate(8 * 4096);
for (ulong i = 0; i < Length; i += 8) memory.Write(i, 0x0123456789abcdef ^ i);
const ulong Target = 4 * 4096, Record = 7 * 4096;
ulong pointer = memory.Address.Value; // nothing is mapped: the device uses the pointer itself

Copy(pointer, pointer + Target);
bool same = memory.ToArray(0, Length).AsSpan().SequenceEqual(memory.ToArray(Target, Length));
Console.WriteLine($"{Length} bytes: status {memory.Read<byte>(Record)}, {(same ? "copied" : "not copied")}");

Copy(pointer + (7 * 4096), pointer + Target); // one page is there, the next is not
Console.WriteLine(
    $"beyond what is allocated: status {memory.Read<byte>(Record)} after {memory.Read<uint>(Record + 4)} bytes");

void Command(uint command)
{
    registers.Write(0xa0, command << 20);
    uint status;
    while (((status = registers.Read<uint>(0xa8)) >> 31) != 0) Thread.Yield();
    if (status != 0) throw new InvalidOperationException($"Command {command} ended with error 0x{status:x}.");
}

void Copy(ulong source, ulong target)
{
    Span<byte> descriptor = stackalloc byte[64];
    descriptor.Clear();
    BinaryPrimitives.WriteUInt32LittleEndian(descriptor[4..], (Memmove << 24) | WantsRecord);
    BinaryPrimitives.WriteUInt64LittleEndian(descriptor[8..], pointer + Record);
    BinaryPrimitives.WriteUInt64LittleEndian(descriptor[16..], source);
    BinaryPrimitives.WriteUInt64LittleEndian(descriptor[24..], target);
    BinaryPrimitives.WriteUInt32LittleEndian(descriptor[32..], Length);
    memory.Write(Record, 0UL);
    portals.Write(0, descriptor); // a pwrite of 64 bytes; on Linux a driver maps the portal and uses MOVDIR64B
    while (memory.Read<byte>(Record) == 0) Thread.Yield();
}
