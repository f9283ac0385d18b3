using Ioasis.Client;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

// Shared virtual addressing: a device uses this program's own pointers. Argument "nodes": uses the nodes of `ioasis
// run`; otherwise a machine in this process.
using NodeTransport nodes = args is ["nodes"]
    ? NodeTransport.OfSystem()
    : NodeTransport.InProcess(SoftwareMachine.Create(MachineDescription.Default));

using IommuContext iommu = IommuContext.Open(nodes);
using VfioDevice device = VfioDevice.Open(nodes, new RequesterId(0x1000, 0, 4, 0)); // a dmatest
device.Bind(iommu);
device.EnableBusMaster();
VfioRegion registers = device.GetRegion(0);
device.GetRegion(2).Write(0, 0x0123456789abcdefUL); // the device's data

// ---- in the README ----
using SvaContext sva = SvaContext.Open(nodes);
Pasid pasid = sva.BindProcess(); // this process's memory has a PASID now,
device.Attach(sva, pasid);       // and the device may send it
using UserMemory memory = nodes.Allocate(4096);
uint status = WriteTo(pasid, memory.Address);
Console.WriteLine($"PASID {pasid}: status {status}, *memory is 0x{memory.Read<ulong>():x}");
sva.Unbind(pasid);
// ---- ----
Console.WriteLine($"unbound: status {WriteTo(pasid, memory.Address)}");

// Lets the device copy its data to an address, with a PASID; returns the status.
uint WriteTo(Pasid pasid, Hva address)
{
    registers.Write(0x2c, (1u << 31) | pasid.Value);
    registers.Write(0x00, address.Value);
    registers.Write(0x08, 1u); // start, from the device to memory
    while ((registers.Read<uint>(0x08) & 1) != 0) Thread.Yield();
    return registers.Read<uint>(0x14);
}
