using Ioasis.Abi;
using Ioasis.Client.InProcess;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Pasids;
using Ioasis.Machine;
using Ioasis.Machine.Drivers;
using Ioasis.Memory;

namespace Ioasis.Client.Drivers;

/// <summary>
/// A function that a driver inside the host has, as a driver in a kernel does: its DMA goes through the default domain
/// of the function's group. Programs cannot have the group meanwhile.
/// </summary>
public sealed class HostDriverFunction : DriverFunction
{
    /// <summary>Takes over a function that the host gave to a driver.</summary>
    /// <param name="host">The function, which is disposed with this.</param>
    public HostDriverFunction(HostFunction host) : base(NameOf(host)) => Host = host;

    /// <summary>The function as the host knows it.</summary>
    public HostFunction Host { get; }

    /// <inheritdoc/>
    public override DmaDevice Dma => Host.Dma;

    /// <inheritdoc/>
    public override int InterruptCount => Host.InterruptCount;

    /// <summary>Takes a function of a machine.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="requester">The function's address.</param>
    /// <param name="driver">The driver's name in sysfs.</param>
    /// <param name="options">How its DMA is done; null for the defaults.</param>
    /// <exception cref="IommuException">EBUSY if a program or another driver has the function or its group, ENODEV if
    /// there is no such function, or it is not for this driver.</exception>
    public static HostDriverFunction Open(
        SoftwareMachine machine, RequesterId requester, string driver, DmaDeviceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(machine);
        IommuStatus status = machine.OpenHostDriver(requester, driver, options, out HostFunction? host);
        return status == IommuStatus.Ok
            ? new HostDriverFunction(host!)
            : throw new IommuException(
                status == IommuStatus.Busy ? Errno.EBUSY : Errno.ENODEV, $"bind of {requester} to the driver {driver}");
    }

    /// <inheritdoc/>
    public override T ReadConfig<T>(int offset) => Host.ReadConfig<T>(offset);

    /// <inheritdoc/>
    public override void WriteConfig<T>(int offset, T value) => Host.WriteConfig(offset, value);

    /// <inheritdoc/>
    public override DriverBar OpenBar(int index, bool maps = true) =>
        Host.BarLength(index) > 0
            ? new HostBar(Host, index)
            : throw new IommuException(Errno.ENOENT, $"opening of BAR {index} of {Name}");

    /// <inheritdoc/>
    public override DriverInterrupt OpenInterrupt(int vector) => new HostInterrupt(Host, vector);

    /// <inheritdoc/>
    public override void EnableBusMaster(bool on) => Host.EnableBusMaster(on);

    /// <inheritdoc/>
    public override IommuStatus Reset() => Host.Reset();

    /// <inheritdoc/>
    public override IommuStatus AcquireSystemPasid(out SystemPasid? pasid) => Host.AcquireSystemPasid(out pasid);

    /// <inheritdoc/>
    public override IommuStatus BindProcess(NodeTransport process, out BoundProcess? binding)
    {
        binding = null;
        return process is ProcessNodes { Memory: var memory }
            ? Host.BindProcess(memory, out binding)
            : IommuStatus.Invalid;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) Host.Dispose();
    }

    private static string NameOf(HostFunction host)
    {
        ArgumentNullException.ThrowIfNull(host);
        return host.Name;
    }

    /// <summary>A BAR whose accesses are calls of the model. One that does not answer reads as ones.</summary>
    private sealed class HostBar(HostFunction host, int index) : DriverBar(host.BarLength(index))
    {
        private protected override void ReadBytes(ulong offset, Span<byte> destination) =>
            host.TryReadBar(index, Check(offset, destination.Length), destination);

        private protected override void WriteBytes(ulong offset, ReadOnlySpan<byte> source) =>
            host.TryWriteBar(index, Check(offset, source.Length), source);

        private ulong Check(ulong offset, int length) =>
            offset <= Length && (ulong)length <= Length - offset
                ? offset
                : throw new IommuException(Errno.EINVAL, $"access to {length} bytes at 0x{offset:x} of {host.Name}");
    }

    /// <summary>An interrupt that the device's thread counts.</summary>
    private sealed class HostInterrupt : DriverInterrupt
    {
        private readonly HostFunction _host;
        private readonly int _vector;
        private readonly EventCounter _event = new();

        internal HostInterrupt(HostFunction host, int vector)
        {
            (_host, _vector) = (host, vector);
            host.SetInterrupt(vector, _event.Signal);
        }

        private protected override bool MasksItself => _host.InterruptMasksItself;

        private protected override void Unmask() => _host.UnmaskInterrupt();

        private protected override ulong WaitForEvent(TimeSpan timeout) => _event.Wait(timeout);

        private protected override ValueTask<ulong> WaitForEventAsync(CancellationToken cancellation) =>
            _event.TakeAsync(cancellation);

        public override void Signal() => _event.Signal();

        protected override void Dispose(bool disposing)
        {
            if (disposing) _host.SetInterrupt(_vector, null);
        }
    }
}
