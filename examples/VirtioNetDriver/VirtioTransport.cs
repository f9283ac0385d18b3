using System.Runtime.InteropServices;
using Ioasis.Client.Drivers;

namespace Ioasis.Examples.VirtioNet;

/// <summary>
/// A modern virtio device on PCI (virtio 1.3, 4.1): its structures, which capabilities in configuration space describe.
/// Its user keeps a lock around it, but for notifications.
/// </summary>
internal sealed class VirtioTransport : IDisposable
{
    private const int CapabilityPointer = 0x34, StatusRegister = 6;
    private const byte VendorCapability = 9;
    private const ushort HasCapabilities = 0x10;
    private const int MostCapabilities = 48, ResetTimeout = 10_000;

    private readonly DriverFunction _function;
    private readonly Dictionary<int, DriverBar> _bars = [];
    private readonly (DriverBar Bar, ulong At) _common, _notify, _device;
    private readonly uint _notifyMultiplier;

    /// <summary>Finds the structures.</summary>
    /// <exception cref="IOException">It is no modern virtio device.</exception>
    internal VirtioTransport(DriverFunction function)
    {
        _function = function;
        function.EnableBusMaster(true); // and the BARs
        try
        {
            _common = Find(VirtioStructure.Common, out _);
            _device = Find(VirtioStructure.Device, out _);
            _notify = Find(VirtioStructure.Notify, out int capability);
            _notifyMultiplier = function.ReadConfig<uint>(capability + 16);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    internal VirtioStatus Status
    {
        get => (VirtioStatus)Read<byte>(VirtioRegister.Status);
        set => Write(VirtioRegister.Status, (byte)value);
    }

    /// <summary>Resets the device. On return it uses no ring.</summary>
    /// <returns>False if it does not answer.</returns>
    internal bool TryReset()
    {
        Status = VirtioStatus.None;
        long end = Environment.TickCount64 + ResetTimeout;
        SpinWait wait = default;
        while (Status != VirtioStatus.None)
        {
            if (Environment.TickCount64 >= end) return false;
            wait.SpinOnce();
        }

        return true;
    }

    /// <summary>Settles the features that both sides know.</summary>
    /// <returns>The features; 0 if the device lacks one that the driver needs, or does not agree.</returns>
    internal ulong Negotiate()
    {
        Status = VirtioStatus.Acknowledge;
        Status = VirtioStatus.Acknowledge | VirtioStatus.Driver;
        ulong features = 0;
        for (int half = 0; half < 2; half++)
        {
            Write(VirtioRegister.DeviceFeatureSelect, (uint)half);
            features |= (ulong)Read<uint>(VirtioRegister.DeviceFeature) << (32 * half);
        }

        features &= VirtioFeature.Known;
        if ((features & VirtioFeature.Needed) != VirtioFeature.Needed) return 0;
        for (int half = 0; half < 2; half++)
        {
            Write(VirtioRegister.DriverFeatureSelect, (uint)half);
            Write(VirtioRegister.DriverFeature, (uint)(features >> (32 * half)));
        }

        Status = VirtioStatus.Acknowledge | VirtioStatus.Driver | VirtioStatus.FeaturesOk;
        return (Status & VirtioStatus.FeaturesOk) != 0 ? features : 0;
    }

    /// <summary>The most entries of a queue; 0 if there is none.</summary>
    internal int MostEntries(int queue)
    {
        Write(VirtioRegister.QueueSelect, (ushort)queue);
        return Read<ushort>(VirtioRegister.QueueSize);
    }

    /// <summary>Gives a ring to the device.</summary>
    /// <param name="queue">The queue's number.</param>
    /// <param name="ring">The ring.</param>
    /// <param name="vector">Its interrupt.</param>
    /// <returns>False if the device has no such interrupt.</returns>
    internal bool TryEnable(int queue, SplitRing ring, ushort vector)
    {
        Write(VirtioRegister.QueueSelect, (ushort)queue);
        Write(VirtioRegister.QueueSize, (ushort)ring.Size);
        Write(VirtioRegister.QueueVector, vector);
        WriteAddress(VirtioRegister.QueueDescriptors, ring.Descriptors.Value);
        WriteAddress(VirtioRegister.QueueDriver, ring.Available.Value);
        WriteAddress(VirtioRegister.QueueDevice, ring.Used.Value);
        ring.Doorbell = _notify.At + ((ulong)Read<ushort>(VirtioRegister.QueueNotifyOffset) * _notifyMultiplier);
        bool hasVector = Read<ushort>(VirtioRegister.QueueVector) == vector;
        Write(VirtioRegister.QueueEnable, (ushort)1);
        return hasVector;
    }

    /// <summary>Chooses the interrupt for changes of the configuration.</summary>
    internal bool TrySetConfigurationVector(ushort vector)
    {
        Write(VirtioRegister.ConfigurationVector, vector);
        return Read<ushort>(VirtioRegister.ConfigurationVector) == vector;
    }

    /// <summary>Tells the device that there is something in a queue. Thread-safe.</summary>
    internal void Notify(int queue, SplitRing ring) => _notify.Bar.Write(ring.Doorbell, (ushort)queue);

    /// <summary>Reads the device's configuration as it was at one moment.</summary>
    internal T ReadConfiguration<T>() where T : unmanaged
    {
        T value = default;
        Span<byte> bytes = MemoryMarshal.AsBytes(new Span<T>(ref value));
        byte generation;
        do
        {
            generation = Read<byte>(VirtioRegister.Generation);
            for (int i = 0; i < bytes.Length; i++) bytes[i] = _device.Bar.Read<byte>(_device.At + (ulong)i);
        }
        while (Read<byte>(VirtioRegister.Generation) != generation);
        return value;
    }

    public void Dispose()
    {
        foreach (DriverBar bar in _bars.Values) bar.Dispose();
    }

    private T Read<T>(ulong register) where T : unmanaged => _common.Bar.Read<T>(_common.At + register);

    private void Write<T>(ulong register, T value) where T : unmanaged =>
        _common.Bar.Write(_common.At + register, value);

    /// <summary>An address is two registers: their width is 4 bytes.</summary>
    private void WriteAddress(ulong register, ulong address)
    {
        Write(register, (uint)address);
        Write(register + 4, (uint)(address >> 32));
    }

    /// <summary>The first structure of a kind, which is the preferred one.</summary>
    private (DriverBar Bar, ulong At) Find(VirtioStructure wanted, out int capability)
    {
        capability = (_function.ReadConfig<ushort>(StatusRegister) & HasCapabilities) == 0 ? 0
            : _function.ReadConfig<byte>(CapabilityPointer) & ~3;
        for (int i = 0; capability != 0 && i < MostCapabilities; i++)
        {
            if (_function.ReadConfig<byte>(capability) == VendorCapability
                && _function.ReadConfig<byte>(capability + 3) == (byte)wanted)
            {
                int index = _function.ReadConfig<byte>(capability + 4);
                if (!_bars.TryGetValue(index, out DriverBar? bar)) _bars[index] = bar = _function.OpenBar(index);
                return (bar, _function.ReadConfig<uint>(capability + 8));
            }

            capability = _function.ReadConfig<byte>(capability + 1) & ~3;
        }

        throw new IOException($"{_function.Name} is no modern virtio device.");
    }
}
