using System.Runtime.InteropServices;
using System.Text;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Endpoints;
using Ioasis.Devices;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Machine.Drivers;
using Ioasis.Machine.Nodes;
using Ioasis.Memory;

namespace Ioasis.Tests.Machine;

/// <summary>
/// A driver in the host drives a dmatest through the DMA API, and functions go from one driver to another as on Linux.
/// </summary>
public sealed partial class HostFunctionTests : IDisposable
{
    private const string Driver = "dmatest-driver", Folder = "/sys/bus/pci/drivers/" + Driver,
        Vfio = "/sys/bus/pci/drivers/vfio-pci", First = "1000:00:03.0", Sysfs = "/sys/devices/pci1000:00/" + First,
        Type = "/sys/kernel/iommu_groups/0/type";
    private const ulong Address = 0x00, Command = 0x08, Length = 0x10, Status = 0x14, Fault = 0x18, Vector = 0x1c;
    private const int NotMapped = 2, NotBusMaster = 5;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static readonly RequesterId s_first = new(0x1000, 0, 3, 0), s_second = new(0x1000, 0, 4, 0);

    private readonly SoftwareMachine _machine = Create("{}");
    private readonly NodeTransport _nodes;

    public HostFunctionTests() => _nodes = NodeTransport.InProcess(_machine);

    public void Dispose()
    {
        _nodes.Dispose();
        _machine.Dispose();
    }

    [Theory]
    [InlineData("{}", DomainType.Dma)]
    [InlineData("""{ "strict": false }""", DomainType.DmaFlushQueue)]
    [InlineData("""{ "passthrough": true }""", DomainType.Identity)]
    public void ADriverReachesMemoryThroughTheDefaultDomain(string iommu, DomainType type)
    {
        using SoftwareMachine machine = Create(iommu);
        using HostFunction function = Open(machine, s_first);
        Assert.Equal(type, function.Endpoint.Group.Type);
        Assert.Equal(IommuStatus.Ok, function.Dma.SetMask(64));
        using DmaMemory memory = function.Dma.Space.AllocateMemory(0x1000);
        memory.Bytes.Write(0x10, 0x1122334455667788UL);
        Assert.Equal(IommuStatus.Ok, function.Dma.Map(memory, 0x10, 8, DmaDirection.ToDevice, out DmaMapping mapping));
        if (type == DomainType.Identity) Assert.Equal((ulong)memory.Bytes.Address + 0x10, mapping.Address.Value);
        // the last page below the interrupt window's part of the 32 bits that is free
        else Assert.Equal(0xffff_f010UL, mapping.Address.Value);
        Assert.Equal((2, NotBusMaster), Run(function, mapping.Address.Value, 8)); // as after power-on
        function.EnableBusMaster(true);
        Assert.Equal((1, 0), Run(function, mapping.Address.Value, 8));
        var buffer = new byte[8];
        Assert.True(function.TryReadBar(2, 0, buffer));
        Assert.Equal(0x1122334455667788UL, BitConverter.ToUInt64(buffer));
        ulong address = mapping.Address.Value;
        mapping.Dispose();
        function.Dma.Space.Flush();
        if (type != DomainType.Identity) Assert.Equal((2, NotMapped), Run(function, address, 8));
    }

    [Fact]
    public void AddressesOfBarsAndReservedOnesAreNotGivenOut()
    {
        using SoftwareMachine machine = SoftwareMachine.Create(MachineDescription.Parse("m.json", """
            { "units": [ { "name": "dmar0", "reserved": [ { "first": "0xfffe0000", "last": "0xffffffff" } ] } ],
              "devices": [ { "model": "dmatest", "address": "1000:00:03.0" } ] }
            """u8.ToArray()));
        using HostFunction function = Open(machine, s_first);
        IovaSpace iovas = function.Dma.Space.Iovas!;
        const ulong size = 0x1_0000;
        List<ulong> given = [];
        while (iovas.TryAllocate(size, 0xbfff_ffff + (1UL << 30), out ulong iova) && iova > 0xb000_0000)
            given.Add(iova);
        Assert.Equal(0xfffd_0000UL, given[0]);
        Assert.All(given, iova => Assert.False(
            iova + size > 0xfee0_0000 && iova < 0xfef0_0000, $"0x{iova:x} lies in the interrupt window"));
        Assert.All(given, iova => Assert.False(
            iova + size > 0xc000_0000 && iova < 0xfec0_0000, $"0x{iova:x} lies among the BARs"));
        Assert.Contains(given, iova => iova < 0xc000_0000);
    }

    [Fact]
    public void AnInterruptCallsTheDriver()
    {
        using HostFunction function = Open(_machine, s_first);
        Assert.Equal(4, function.InterruptCount);
        using var raised = new SemaphoreSlim(0);
        function.SetInterrupt(2, () => raised.Release());
        function.EnableBusMaster(true);
        Write(function, Vector, 2u);
        Start(function, 0x1000, 8);
        Assert.True(raised.Wait(s_patience, TestContext.Current.CancellationToken));
        function.SetInterrupt(2, null);
        using var last = new SemaphoreSlim(0);
        function.SetInterrupt(3, () => last.Release());
        Start(function, 0x1000, 8);
        Write(function, Vector, 3u);
        Start(function, 0x1000, 8);
        Assert.True(last.Wait(s_patience, TestContext.Current.CancellationToken));
        Assert.Equal(0, raised.CurrentCount);
        Assert.Throws<ArgumentOutOfRangeException>(() => function.SetInterrupt(4, null));
    }

    [Fact]
    public void AResetStopsTheEngineAndKeepsWhatTheDriverHasSet()
    {
        using HostFunction function = Open(_machine, s_first);
        function.EnableBusMaster(true);
        Write(function, Address, 0x1234UL);
        Assert.Equal(IommuStatus.Ok, function.Reset());
        Assert.Equal(0UL, Read<ulong>(function, Address));
        Assert.Equal(6, function.ReadConfig<byte>(PciRegs.PCI_COMMAND) & 6);
        Assert.Equal(0x1234, function.ReadConfig<ushort>(PciRegs.PCI_VENDOR_ID));
        function.WriteConfig(PciRegs.PCI_COMMAND, (ushort)0); // no decoding
        Assert.Equal(uint.MaxValue, Read<uint>(function, Status));
        Assert.False(function.TryReadBar(0, 0xffd, new byte[4]));
        Assert.False(function.TryReadBar(5, 0, new byte[4]));
        Assert.Throws<ArgumentOutOfRangeException>(() => function.ReadConfig<uint>(4095));
        Assert.Throws<ArgumentOutOfRangeException>(() => function.ReadConfig<ulong>(0));
    }

    [Fact]
    public void ADriverThatLeavesMappingsIsToldAndTheFunctionIsFree()
    {
        HostFunction function = Open(_machine, s_first);
        function.EnableBusMaster(true);
        using DmaMemory memory = function.Dma.Space.AllocateMemory(0x1000);
        Assert.Equal(IommuStatus.Ok, function.Dma.Map(memory, DmaDirection.FromDevice, out _));
        Assert.Contains("left 1 mapping", Assert.Throws<InvalidOperationException>(function.Dispose).Message,
            StringComparison.Ordinal);
        function.Dispose(); // once
        Assert.False(function.Endpoint.CanSend);
        Assert.False(function.Endpoint.Group.IsClaimed);
        Assert.Throws<ObjectDisposedException>(() => function.EnableBusMaster(true));
        Use(s_first);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ASystemPasidSeesEachMapAndLosesEachUnmap(bool ats)
    {
        const ulong pasid = 0x2c, translations = 0x30;
        HostFunction function = Open(_machine, s_first);
        function.EnableBusMaster(true);
        Assert.Equal(IommuStatus.Ok, function.AcquireSystemPasid(out SystemPasid? system));
        Assert.Equal(IommuStatus.Ok, function.AcquireSystemPasid(out SystemPasid? again));
        Assert.Equal(system!.Value, again!.Value);
        Write(function, translations, ats ? 1u : 0u);
        using DmaMemory memory = function.Dma.Space.AllocateMemory(0x1000);
        Assert.Equal(IommuStatus.Ok, function.Dma.Map(memory, DmaDirection.ToDevice, out DmaMapping mapping));
        ulong address = mapping.Address.Value;
        foreach (uint sent in (uint[])[0, 1u << 31 | system.Value.Value])
        {
            Write(function, pasid, sent);
            Assert.Equal((1, 0), Run(function, address, 8));
        }

        mapping.Dispose();
        foreach (uint sent in (uint[])[0, 1u << 31 | system.Value.Value])
        {
            Write(function, pasid, sent);
            Assert.Equal((2, NotMapped), Run(function, address, 8));
        }

        system.Dispose();
        Assert.NotNull(function.Endpoint.AttachedTo(again.Value));
        function.Dispose(); // the driver forgot one
        Assert.Null(function.Endpoint.AttachedTo(again.Value));
        Assert.False(function.Endpoint.Group.IsClaimed);
    }

    [Fact]
    public void TheLineMasksItselfUntilTheDriverUnmasksIt()
    {
        var model = new LineModel();
        var address = new RequesterId(0x1000, 3, 0, 0);
        _machine.Plug(model, "line", address);
        using HostFunction function = Open(_machine, address);
        Assert.Equal((1, true), (function.InterruptCount, function.InterruptMasksItself));
        int raised = 0;
        function.SetInterrupt(0, () => raised++);
        model.Slot!.SetInterruptLine(true);
        Assert.Equal(1, raised);
        Assert.NotEqual(0, function.ReadConfig<ushort>(PciRegs.PCI_STATUS) & PciRegs.PCI_STATUS_INTERRUPT);
        model.Slot.SetInterruptLine(false);
        model.Slot.SetInterruptLine(true);
        Assert.Equal(1, raised);
        function.UnmaskInterrupt(); // it is still asserted
        Assert.Equal(2, raised);
        model.Slot.SetInterruptLine(false);
        function.UnmaskInterrupt();
        model.Slot.SetInterruptLine(true);
        Assert.Equal(3, raised);
    }

    [Fact]
    public void AnUntrustedDevicesBuffersAreBounced()
    {
        using SoftwareMachine machine = SoftwareMachine.Create(MachineDescription.Parse("m.json", """
            { "devices": [ { "model": "dmatest", "address": "1000:00:03.0", "untrusted": true } ] }
            """u8.ToArray()));
        using HostFunction function = Open(machine, s_first);
        Assert.True(function.Dma.NeedsSync);
        using DmaMemory memory = function.Dma.Space.AllocateMemory(0x1000);
        function.EnableBusMaster(true);
        Assert.Equal(IommuStatus.Ok, function.Dma.Map(memory, 0, 8, DmaDirection.ToDevice, out DmaMapping mapping));
        Assert.Equal((1, 0), Run(function, mapping.Address.Value, 8));
        Assert.Equal(2, Run(function, mapping.Address.Value + 8, 8).Status); // what lies beside it is out of reach
        mapping.Dispose();
    }

    private static SoftwareMachine Create(string iommu, int? group = null)
    {
        string member = group is null ? "" : $", \"group\": {group}";
        return SoftwareMachine.Create(MachineDescription.Parse("m.json", Encoding.UTF8.GetBytes($$"""
            { "iommu": {{iommu}}, "devices": [
                { "model": "dmatest", "address": "1000:00:03.0"{{member}} },
                { "model": "dmatest", "address": "1000:00:04.0"{{member}} } ] }
            """)));
    }

    private static HostFunction Open(SoftwareMachine machine, RequesterId address)
    {
        Assert.Equal(IommuStatus.Ok, machine.OpenHostDriver(address, Driver, null, out HostFunction? function));
        return function!;
    }

    /// <summary>Copies from memory to the device.</summary>
    private static (int Status, int Fault) Run(HostFunction function, ulong address, int length)
    {
        Start(function, address, length);
        return (Read<int>(function, Status), Read<int>(function, Fault));
    }

    private static void Start(HostFunction function, ulong address, int length)
    {
        Write(function, Address, address);
        Write(function, Length, length);
        Write(function, Command, 3);
        Assert.True(SpinWait.SpinUntil(() => Read<int>(function, Command) == 0, s_patience));
    }

    private static T Read<T>(HostFunction function, ulong offset) where T : unmanaged
    {
        T value = default;
        function.TryReadBar(0, offset, MemoryMarshal.AsBytes(new Span<T>(ref value)));
        return value;
    }

    private static void Write<T>(HostFunction function, ulong offset, T value) where T : unmanaged =>
        Assert.True(function.TryWriteBar(0, offset, MemoryMarshal.AsBytes(new Span<T>(ref value))));

    private void Use(RequesterId address)
    {
        using var context = IommuContext.Open(_nodes);
        using VfioDevice device = VfioDevice.Open(_nodes, address);
        device.Bind(context);
        Assert.NotEqual(0u, device.GetInfo().Raw.NumRegions);
    }

    private string Link(string path) => Assert.IsType<VirtualLink>(_machine.Paths[path]).Target;

    private void Take(string path, string text) =>
        ((VirtualFile)_machine.Paths[path]).Take!(Encoding.ASCII.GetBytes(text));

    private Errno? WriteType(string text)
    {
        Errno? answer = null;
        ((VirtualFile)_machine.Paths[Type]).Store!(Encoding.ASCII.GetBytes(text), errno => answer = errno);
        return answer;
    }

    /// <summary>A function with nothing but a line.</summary>
    private sealed class LineModel : PciDeviceModel
    {
        internal IPciSlot? Slot { get; private set; }

        public override PciFunction Function { get; } =
            new() { VendorId = 1, DeviceId = 2, ClassCode = 3, HasInterruptPin = true };

        public override void Plug(IPciSlot slot) => Slot = slot;

        public override void Ring(int bar, Register register, ulong value)
        {
        }

        public override void Reset()
        {
        }

        public override void Unplug()
        {
        }
    }
}
