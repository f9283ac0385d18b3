using Ioasis.Client;
using Ioasis.Memory;

// usage: IoasisDriver [BDF]      without an address, the first function that has a VFIO node
using NodeTransport nodes = NodeTransport.OfSystem();
string? path = args.Length > 0
    ? VfioNode.Of(nodes, RequesterId.Parse(args[0])).Path
    : nodes.FindVfioNodes().FirstOrDefault()?.Path;
if (path is null)
{
    Console.Error.WriteLine("There is no device. Try: ioasis run -- dotnet run");
    return 1;
}

// 1. An I/O address space, and the device attached to it
using IommuContext iommu = IommuContext.Open(nodes);
using VfioDevice device = VfioDevice.Open(nodes, path);
device.Bind(iommu);
using Ioas ioas = iommu.AllocateIoas();
device.Attach(ioas);
device.EnableBusMaster();

// 2. Memory that the device can use until the mapping is disposed
using UserMemory memory = nodes.Allocate(4096);
using IoasMapping mapping = ioas.CreateMapping(memory);

// 3. The device's registers
VfioRegion registers = device.GetRegion(0);
Console.WriteLine($"{path}: {registers.Size} bytes of registers, memory at IOVA 0x{mapping.Address.Value:x}");
return 0;
