using Ioasis.Client;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

// "nodes": the device nodes of this system, a real kernel's or those of `ioasis run`; else a machine in this process.
using NodeTransport nodes = args is ["nodes"]
    ? NodeTransport.OfSystem()
    : NodeTransport.InProcess(SoftwareMachine.Create(MachineDescription.Default));

using IommuContext iommu = IommuContext.Open(nodes);
using VfioDevice device = VfioDevice.Open(nodes, new RequesterId(0x1000, 0, 4, 0)); // a dmatest
device.Bind(iommu);
using Ioas ioas = iommu.AllocateIoas();
device.Attach(ioas);
device.EnableBusMaster();

using UserMemory memory = nodes.Allocate(4096);
memory.Write(0, 0x0123456789abcdefUL);
Iova iova = ioas.Map(memory); // where it fits

VfioRegion registers = device.GetRegion(0), buffer = device.GetRegion(2);
registers.Write(0x00, iova.Value); // IOVA
registers.Write(0x08, 3u);         // start, from memory to the device
while ((registers.Read<uint>(0x08) & 1) != 0) Thread.Yield();
Console.WriteLine($"{nodes.Name}: IOVA {iova}: the device read 0x{buffer.Read<ulong>(0):x}");

ioas.Unmap(iova, 4096);
registers.Write(0x08, 3u);
while ((registers.Read<uint>(0x08) & 1) != 0) Thread.Yield();
Console.WriteLine($"after the unmap: status {registers.Read<uint>(0x14)}, fault reason {registers.Read<uint>(0x18)}");
