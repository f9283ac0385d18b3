using Ioasis.Client;
using Ioasis.Client.Drivers;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Endpoints;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Drivers;

/// <summary>A function in one of a driver's homes, with a machine of its own.</summary>
internal sealed class FunctionRig : IDisposable
{
    internal const string Address = "1000:00:05.0";
    private const string Uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";

    private readonly DmaObserver? _observer;

    /// <summary>Opens the function at <see cref="Address"/>, or an mdev of it.</summary>
    /// <param name="home">The home.</param>
    /// <param name="devices">The machine's devices, as <c>--device</c> has them. For an mdev its type comes
    /// first.</param>
    internal FunctionRig(DriverHome home, params string[] devices) : this(home, null, devices)
    {
    }

    /// <summary>The same, with somebody who sees what the driver does.</summary>
    internal FunctionRig(DriverHome home, DmaObserver? observer, params string[] devices)
    {
        _observer = observer;
        MachineDescription machine = MachineDescription.Empty with
        {
            DefaultDomain = home switch
            {
                DriverHome.HostLazy => DomainType.DmaFlushQueue,
                DriverHome.HostIdentity => DomainType.Identity,
                _ => DomainType.Dma,
            },
        };
        foreach (string device in devices.Skip(home == DriverHome.Mdev ? 1 : 0)) machine = machine.WithDevice(device);
        if (home == DriverHome.Mdev) machine = machine.WithMdev($"{devices[0]}@{Address},uuid={Uuid}");
        Machine = SoftwareMachine.Create(machine);
        Nodes = NodeTransport.InProcess(Machine);
        Home = home;
        Function = home == DriverHome.Mdev
            ? VfioFunction.Open(Nodes, MdevPath(), new DmaDeviceOptions { Observer = observer })
            : Open(Address);
    }

    internal DriverHome Home { get; }

    internal SoftwareMachine Machine { get; }

    /// <summary>A process of the machine: a driver in user space is in this one.</summary>
    internal NodeTransport Nodes { get; }

    internal DriverFunction Function { get; }

    /// <summary>Opens another function of the machine in the same home.</summary>
    internal DriverFunction Open(string address)
    {
        Assert.True(RequesterId.TryParse(address, out RequesterId requester));
        var options = new DmaDeviceOptions
        {
            Observer = _observer,
            BouncesAlways = Home is DriverHome.VfioBounced or DriverHome.HostBounced,
        };
        return Home is DriverHome.Vfio or DriverHome.VfioBounced
            ? VfioFunction.Open(Nodes, requester, options)
            : HostDriverFunction.Open(Machine, requester, "test", options);
    }

    private string MdevPath() => "/dev/vfio/devices/" + Nodes.List($"/sys/bus/mdev/devices/{Uuid}/vfio-dev")
        .First(name => name.StartsWith("vfio", StringComparison.Ordinal));

    public void Dispose()
    {
        int left = Function.Dma.Live;
        Function.Dispose();
        Nodes.Dispose();
        Machine.Dispose();
        Assert.Equal(0, left);
    }
}
