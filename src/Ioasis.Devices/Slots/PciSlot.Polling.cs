namespace Ioasis.Devices.Slots;

/// <summary>Looking for what a driver stored to mapped BARs, and telling the model of it.</summary>
internal sealed partial class PciSlot
{
    /// <summary>
    /// Polls mapped BARs; true if there were new stores. Skips if a call to the model is under way, since that call
    /// polls too.
    /// </summary>
    public bool TryPoll()
    {
        if (!_calls.TryEnter()) return false;
        try
        {
            return !_unplugged && Poll();
        }
        catch (Exception e)
        {
            Fail("looking at its BARs", e);
            return false;
        }
        finally
        {
            _calls.Exit();
        }
    }

    public void Linger(IDeviceEngine engine)
    {
        // A driver that takes interrupts sleeps, and wakes up sooner if this thread leaves it the processor.
        if (_hasInterrupted) _hasInterrupted = false;
        else _poller.Linger(this, engine);
    }

    private bool Poll()
    {
        if (_failed) return false;
        _pending.Retry();
        bool any = _decoding && PollPortals();
        for (int bar = 0; bar < _bars.Length; bar++)
        {
            if (_bars[bar] is not { } memory) continue;
            if (!_decoding) memory.DropUnseen();
            else memory.Poll(_rung);
            if (_rung.Count == 0) continue;
            any = true;
            PollPortals(); // descriptors submitted before the doorbell was written come first
            Ring(bar);
        }

        return any;
    }

    private bool PollPortals()
    {
        bool any = false;
        for (int bar = 0; bar < _bars.Length; bar++)
        {
            if (_bars[bar] is not { } memory) continue;
            memory.PollPortal(_submitted);
            any |= _submitted.Count > 0;
            if (_submitted.Count != 0) Submit(bar);
        }

        return any;
    }

    private void Submit(int bar)
    {
        if (IsInjected())
        {
            _submitted.Clear();
            return;
        }

        try
        {
            using var scope = new ModelScope(this);
            foreach (PortalSubmission submission in _submitted)
            {
                _events.TellDescriptor(bar, submission.Offset, submission.Bytes);
                _model.TrySubmit(bar, submission.Offset, submission.Bytes);
            }
        }
        catch (Exception e)
        {
            Fail("Submit", e);
        }
        finally
        {
            _submitted.Clear();
        }
    }

    private void Ring(int bar)
    {
        if (_rung.Count == 0) return;
        if (IsInjected())
        {
            _rung.Clear();
            return;
        }

        try
        {
            using var scope = new ModelScope(this);
            foreach ((Register register, ulong value) in _rung)
            {
                _events.TellDoorbell(bar, register.Offset, register.Width, value);
                _model.Ring(bar, register, value);
            }
        }
        catch (Exception e)
        {
            Fail("Ring", e);
        }
        finally
        {
            _rung.Clear();
        }
    }
}
