using Ioasis.Client;
using Ioasis.Core.Faults;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Machine;

/// <summary>Machines that .NET programs put together, and the event that they raise.</summary>
public sealed class MachineBuilderTests
{
    private static readonly RequesterId s_address = new(0x1000, 0, 9, 0);

    [Fact]
    public void DevicesComeInTheOrderInWhichTheyAreAsked()
    {
        using SoftwareMachine machine = SoftwareMachine.Create()
            .With("edu", s_address, ("dmaMask", "0xffffffff"))
            .With("dmatest")
            .WithMdev("mtty-1", "mtty")
            .Build();
        Assert.Equal(["edu", "dmatest"], machine.Devices.Select(d => d.Model));
        Assert.Equal(s_address, machine.Devices[0].Requester);
        Assert.Single(machine.Mdevs);
    }

    [Fact]
    public void AMistakeNamesTheDevice()
    {
        Assert.Contains("\"colour\" is not a property of edu", Complaint(m => m.With("edu", ("colour", "red"))),
            StringComparison.Ordinal);
        Assert.Contains("device \"edu\"", Complaint(m => m.With("edu", ("dmaMask", "wide"))), StringComparison.Ordinal);
        Assert.Contains("given twice", Complaint(m => m.With("edu", ("dmaMask", "0xff"), ("dmaMask", "0xff"))),
            StringComparison.Ordinal);
        Assert.Contains("is taken", Complaint(m => m.With("edu", s_address).With("edu", s_address)),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task ARefusedAccessRaisesTheEvent()
    {
        await using SoftwareMachine machine = SoftwareMachine.Create().With("dmatest", s_address).Build();
        List<MachineFaultEventArgs> faults = [];
        EventHandler<MachineFaultEventArgs> handler = (_, e) => faults.Add(e);
        machine.Faulted += handler;
        await using NodeTransport nodes = NodeTransport.InProcess(machine);
        await using IommuContext context = IommuContext.Open(nodes);
        await using VfioDevice device = VfioDevice.Open(nodes, s_address);
        device.Bind(context);
        device.Attach(context.AllocateIoas());
        device.EnableBusMaster();
        VfioRegion registers = device.GetRegion(0);
        Read();
        MachineFaultEventArgs fault = Assert.Single(faults);
        Assert.Equal(("1000:00:09.0", new Iova(0x5000), FaultReason.NotMapped),
            (fault.Device, fault.Address, fault.Reason));
        Assert.Equal("1000:00:09.0 read 0x0000000000005000: NotMapped", fault.ToString());
        machine.Faulted -= handler;
        Read();
        Assert.Single(faults);

        void Read()
        {
            registers.Write(0x00, 0x5000ul);
            registers.Write(0x08, 3u);
            Until.True(() => (registers.Read<uint>(0x08) & 1) == 0);
        }
    }

    private static string Complaint(Func<MachineBuilder, MachineBuilder> build) =>
        Assert.Throws<MachineDescriptionException>(() => build(SoftwareMachine.Create())).Message;
}
