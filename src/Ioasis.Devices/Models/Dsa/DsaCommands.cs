namespace Ioasis.Devices.Dsa;

/// <summary>The command register. The caller of every method holds the scheduler's lock.</summary>
/// <param name="slot">The device's slot.</param>
/// <param name="options">The device's options.</param>
/// <param name="layout">The device's registers.</param>
/// <param name="scheduler">The queues and engines that the commands act on.</param>
internal sealed class DsaCommands(IPciSlot slot, DsaOptions options, DsaLayout layout, DsaScheduler scheduler)
{
    private const uint Active = 1u << 31, WantsInterrupt = 1u << 31;
    private const int QueuesOfMask = 16;
    private uint _mode = (uint)(layout.Mode?.ResetValue ?? 0); // of a shared part's queue
    private bool _isActive;

    /// <summary>Handles a driver's write to the register.</summary>
    internal void Execute(uint value)
    {
        // so that the same command is seen when it is written again
        slot.Publish(DsaRegisters.Bar, DsaRegisters.Command, 0);
        if (_isActive)
        {
            scheduler.Errors.Record(DsaStatus.CommandWhileActive, null, null, default);
            return;
        }

        var command = (DsaCommand)((value >> 20) & 0x1f);
        uint operand = value & 0xfffff;
        _isActive = true;
        slot.Publish(DsaRegisters.Bar, DsaRegisters.CommandStatus, Active);
        bool wantsInterrupt = (value & WantsInterrupt) != 0;
        if ((DsaRegisters.Commands(options) & (1u << (int)command)) == 0) End(wantsInterrupt, DsaCommandError.InvalCmd);
        else Execute(command, operand, wantsInterrupt);
    }

    /// <summary>
    /// Handles a write to the mode of a shared part's queue. Only PASID and privilege change, while it is disabled.
    /// </summary>
    internal void WriteMode(uint value)
    {
        Register mode = layout.Mode!;
        if (scheduler.Queues[0].Config is null)
            _mode = ((uint)mode.ResetValue & ~DsaLayout.PartModeBits) | (value & DsaLayout.PartModeBits);
        slot.Publish(DsaRegisters.Bar, mode, _mode);
    }

    /// <summary>Handles a reset of the device.</summary>
    internal void Reset()
    {
        _isActive = false;
        _mode = (uint)(layout.Mode?.ResetValue ?? 0);
    }

    private void Execute(DsaCommand command, uint operand, bool wantsInterrupt)
    {
        switch (command)
        {
            case DsaCommand.EnableDevice:
                End(wantsInterrupt, EnableDevice());
                break;
            case DsaCommand.EnableWq:
                End(wantsInterrupt, EnableQueue(operand));
                break;
            case DsaCommand.RequestIntHandle:
                End(wantsInterrupt, scheduler.Handles.Request(operand, out ushort handle), handle);
                break;
            case DsaCommand.ReleaseIntHandle:
                End(wantsInterrupt, scheduler.Handles.Release(operand));
                break;
            case DsaCommand.DisableDevice when scheduler.State != DsaState.Enabled:
                End(wantsInterrupt, DsaCommandError.DisDevEn);
                break;
            case DsaCommand.DisableDevice:
                scheduler.SetState(DsaState.Draining);
                Wait(scheduler.Queues, aborts: false, disables: true, () =>
                {
                    scheduler.SetState(DsaState.Disabled);
                    End(wantsInterrupt, DsaCommandError.Success);
                });
                break;
            case DsaCommand.ResetDevice:
                Wait(scheduler.Queues, aborts: true, disables: true, () =>
                {
                    foreach (DsaQueue queue in scheduler.Queues) ClearQueue(queue);
                    foreach (Register register in layout.Group.SelectMany(g => g).Concat(layout.Permission))
                        Clear(register);
                    Clear(DsaRegisters.General);
                    Clear(DsaRegisters.InterruptEnables);
                    scheduler.Errors.Clear();
                    scheduler.Errors.Publish();
                    scheduler.SetState(DsaState.Disabled);
                    End(wantsInterrupt, DsaCommandError.Success);
                });
                break;
            case DsaCommand.DrainAll or DsaCommand.AbortAll:
                Wait(scheduler.Queues, command == DsaCommand.AbortAll, false,
                    () => End(wantsInterrupt, DsaCommandError.Success));
                break;
            case DsaCommand.DrainPasid or DsaCommand.AbortPasid:
                Wait(w => w.Pasid?.Value == operand, command == DsaCommand.AbortPasid,
                    () => End(wantsInterrupt, DsaCommandError.Success));
                break;
            default:
                OnQueues(command, operand, wantsInterrupt);
                break;
        }
    }

    private void OnQueues(DsaCommand command, uint operand, bool wantsInterrupt)
    {
        if (scheduler.State != DsaState.Enabled)
        {
            End(wantsInterrupt, DsaCommandError.DevNoten);
            return;
        }

        uint mask = operand & 0xffff;
        if (operand >> QueuesOfMask != 0 || mask == 0 || mask >= 1u << layout.Queues)
        {
            End(wantsInterrupt, DsaCommandError.InvalWqidx);
            return;
        }

        DsaQueue[] queues = [.. scheduler.Queues.Where(q => (mask & (1u << q.Index)) != 0)];
        bool disables = command is DsaCommand.DisableWq or DsaCommand.ResetWq;
        if (command != DsaCommand.ResetWq && queues.Any(q => q.Config is null))
        {
            End(wantsInterrupt, DsaCommandError.WqNotEn);
            return;
        }

        Wait(queues, command is DsaCommand.AbortWq or DsaCommand.ResetWq, disables, () =>
        {
            if (command == DsaCommand.ResetWq)
                foreach (DsaQueue queue in queues) ClearQueue(queue);
            End(wantsInterrupt, DsaCommandError.Success);
        });
    }

    private void Wait(DsaQueue[] queues, bool aborts, bool disables, Action action)
    {
        if (disables)
            foreach (DsaQueue queue in queues) queue.IsOpen = false;
        Wait(w => queues.Contains(w.Queue), aborts, () =>
        {
            if (disables)
                foreach (DsaQueue queue in queues) scheduler.Close(queue);
            action();
        });
    }

    private void Wait(Predicate<DsaWork> which, bool aborts, Action action)
    {
        if (aborts) scheduler.Abort(which);
        scheduler.WhenDone(which, action);
    }

    private DsaCommandError EnableDevice()
    {
        if (scheduler.State != DsaState.Disabled) return DsaCommandError.DevEnabled;
        if (layout.IsPart && !slot.IsBusMaster) return DsaCommandError.BusMasterEn;
        var groups = new DsaGroups(layout, Read);
        DsaCommandError error = groups.Check(Enumerable.Range(0, layout.Queues).Sum(q => (int)Config(q).Size));
        if (error != DsaCommandError.Success) return error;
        for (int engine = 0; engine < layout.Engines; engine++)
            scheduler.GroupOfEngine[engine] = groups.OfEngine(engine);
        foreach (DsaQueue queue in scheduler.Queues) queue.Group = groups.OfQueue(queue.Index);
        scheduler.SetState(DsaState.Enabled);
        return DsaCommandError.Success;
    }

    private DsaCommandError EnableQueue(uint index)
    {
        if (scheduler.State != DsaState.Enabled) return DsaCommandError.DevNoten;
        if (index >= layout.Queues) return DsaCommandError.InvalWqidx;
        DsaQueue queue = scheduler.Queues[index];
        if (queue.Config is not null) return DsaCommandError.WqEnabled;
        if (queue.Group < 0) return DsaCommandError.Config;
        DsaQueueConfig config = Config((int)index);
        DsaCommandError error = config.Check(options, scheduler.HasPageRequests, scheduler.PasidBits);
        if (error != DsaCommandError.Success) return error;
        queue.Config = config;
        queue.IsOpen = true;
        scheduler.PublishState(queue);
        return DsaCommandError.Success;
    }

    private void End(bool wantsInterrupt, DsaCommandError error, ushort result = 0)
    {
        _isActive = false;
        slot.Publish(DsaRegisters.Bar, DsaRegisters.CommandStatus, (uint)error | ((uint)result << 8));
        if (wantsInterrupt) scheduler.Errors.Raise(DsaCause.CommandDone);
    }

    private DsaQueueConfig Config(int queue) =>
        DsaQueueConfig.Read(dword => (uint)Read(layout.Queue[queue][dword]));

    private void ClearQueue(DsaQueue queue)
    {
        _mode = (uint)(layout.Mode?.ResetValue ?? 0);
        foreach (Register register in layout.Queue[queue.Index])
            Clear(register);
    }

    private ulong Read(Register register) => slot.ReadRegister(DsaRegisters.Bar, register);

    /// <summary>A register that a driver can set has its first value again.</summary>
    private void Clear(Register register)
    {
        if (register.Kind != RegisterKind.ReadOnly) slot.Publish(DsaRegisters.Bar, register, register.ResetValue);
    }
}
